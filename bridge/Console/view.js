// The conversation as it is read: one list item per message, in the order of the log, those not yet saved at the
// end.

import { language, text } from "./texts.js";

const NEAR_END_PX = 40;
/** So long after a touch of wheel, finger, mouse or key, scrolling is the person's doing and not the layout's. */
const TOUCH_MS = 1_500;

export class View {
  #log;
  #scroll;
  #newest;
  #entries = new Map();
  #count = 0;
  #spoken;
  #follow = true;
  #frame;
  #touched_ms = -Infinity;

  constructor({ log, scroll, newest }) {
    this.#log = log;
    this.#scroll = scroll;
    this.#newest = newest;
    scroll.addEventListener("scroll", () => {
      const isAtEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_END_PX;
      if (isAtEnd) this.#follow = true;
      else if (performance.now() - this.#touched_ms < TOUCH_MS) this.#follow = false;
      if (isAtEnd) newest.hidden = true;
    });
    for (const kind of ["wheel", "touchmove", "pointerdown", "keydown"]) {
      scroll.addEventListener(kind, () => (this.#touched_ms = performance.now()), { passive: true });
    }
    newest.addEventListener("click", () => this.toNewest());
    new ResizeObserver(() => this.#follow && this.toNewest()).observe(scroll);
  }

  /**
   * Shows a message, or changes the one with that key. Fields: who ("agent", "me", "other", "note"), words, order (the
   * sequence in the log; absent: not yet in it), state ("sending", "unsent", "failed", "waiting", "bad"),
   * meta (a text beside the time), time (a Date), retry (a function).
   */
  put(key, fields) {
    const entry = this.#entries.get(key) ?? { key, arrival: this.#count++, element: document.createElement("li") };
    Object.assign(entry, fields);
    this.#entries.set(key, entry);
    this.#draw(entry);
    this.#place(entry);
    if (this.#follow) this.toNewest();
    else if (entry.who === "agent") this.#newest.hidden = false;
    return entry;
  }

  get(key) {
    return this.#entries.get(key);
  }

  remove(key) {
    this.#entries.get(key)?.element.remove();
    this.#entries.delete(key);
  }

  clear() {
    this.#entries.clear();
    this.#log.replaceChildren();
    this.#newest.hidden = true;
    this.#follow = true;
  }

  /** Draws every message again, after a change of language. */
  redraw() {
    for (const entry of this.#entries.values()) this.#draw(entry);
  }

  /** Marks what is being read aloud; its words may come later. */
  mark(key, isSpoken) {
    this.#spoken = isSpoken ? key : undefined;
    this.#entries.get(key)?.element.classList.toggle("spoken", isSpoken);
  }

  toNewest() {
    this.#follow = true;
    this.#newest.hidden = true;
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = undefined;
      // Scrolling by hand is reported before this frame is drawn.
      if (this.#follow) this.#scroll.scrollTop = this.#scroll.scrollHeight;
      else this.#newest.hidden = false;
    });
  }

  /** Only what changed is touched: a live region reads out changes. */
  #draw(entry) {
    const { element, who, words, state, meta, time, retry } = entry;
    const parts = (entry.parts ??= build(element));
    const isNote = who === "note";
    const names = isNote ? ["note", state] : ["said", who === "agent" ? "agent" : "me", STATE_CLASSES[state]];
    if (entry.key === this.#spoken) names.push("spoken");
    element.className = names.filter(Boolean).join(" ");
    change(parts.speaker, isNote ? "" : text("says", text({ agent: "agent", me: "me", other: "otherDevice" }[who])));
    // People and the interviewer speak Chinese, whatever the page speaks.
    parts.words.lang = isNote || typeof words === "function" ? "" : "zh-CN";
    change(parts.words, valueOf(words));
    change(parts.place, who === "other" ? text("otherDevice") : "");
    change(parts.meta, valueOf(meta));
    const locale = language() === "zh" ? "zh-CN" : "en";
    change(parts.time, time && !isNote ? time.toLocaleTimeString(locale, TIME) : "");
    if (time) parts.time.dateTime = time.toISOString();
    change(parts.retry, retry ? text("again") : "");
    parts.retry.onclick = retry ?? null;
    for (const part of parts.line.children) part.hidden = !part.textContent;
    parts.line.hidden = [...parts.line.children].every((part) => part.hidden);
  }

  /** Sequence first, then arrival; an element that stands where it belongs is not moved. */
  #place(entry) {
    const position = ({ order, arrival }) => [order ?? Infinity, arrival];
    const isBefore = (a, b) => {
      const [[x, m], [y, n]] = [position(a), position(b)];
      return x < y || (x === y && m < n);
    };
    if (!entry.element.isConnected) entry.element.entry = entry;
    const next = entry.element.nextElementSibling?.entry;
    const previous = entry.element.previousElementSibling?.entry;
    const isAfter = !previous || isBefore(previous, entry);
    if (entry.element.isConnected && isAfter && (!next || isBefore(entry, next))) return;
    let after = this.#log.lastElementChild;
    while (after && (after === entry.element || isBefore(entry, after.entry))) after = after.previousElementSibling;
    if (after) after.after(entry.element);
    else this.#log.prepend(entry.element);
  }
}

const TIME = { hour: "2-digit", minute: "2-digit" };
const STATE_CLASSES = { sending: "pending", unsent: "pending", failed: "failed", waiting: "waiting" };

function build(element) {
  const make = (name, className, ...children) => {
    const made = document.createElement(name);
    made.className = className;
    made.append(...children);
    return made;
  };
  const parts = {
    speaker: make("span", "unseen"), words: make("span", ""), place: make("span", ""), meta: make("span", ""),
    time: make("time", ""), retry: make("button", "quiet"),
  };
  parts.retry.type = "button";
  parts.line = make("div", "meta", parts.place, parts.meta, parts.time, parts.retry);
  parts.line.ariaLive = "off";
  element.append(make("p", "", parts.speaker, parts.words), parts.line);
  return parts;
}

function change(element, content) {
  if (element.textContent !== content) element.textContent = content;
}

/** Texts that depend on the language are given as functions. */
function valueOf(words) {
  return typeof words === "function" ? words() : (words ?? "");
}
