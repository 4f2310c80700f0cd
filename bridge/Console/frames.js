// The raw frames view: what came and went, for developers. Neither the token nor the sound of a recording is shown.
// Lines are drawn only while they can be seen, and at most once for each picture on the screen.

const FRAMES_MAX = 300;
const CHARACTERS_MAX = 4_000;
const LONG_TEXT = 96;
const NEAR_END_PX = 40;
const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hour12: false });

export class Frames {
  #list;
  /** The newest, {way, line}; of these so many are not yet drawn. */
  #lines = [];
  #undrawn = 0;
  #frame;
  #paused = false;
  #secret = "";

  constructor({ list, pause, copy, clear }) {
    this.#list = list;
    pause.addEventListener("change", () => (this.#paused = pause.checked));
    copy.addEventListener("click", () => navigator.clipboard?.writeText(this.#lines.map(({ line }) => line).join("\n")));
    clear.addEventListener("click", () => this.clear());
    // It comes into view.
    new ResizeObserver(() => this.#schedule()).observe(list);
  }

  clear() {
    this.#lines = [];
    this.#undrawn = 0;
    this.#list.replaceChildren();
  }

  /** This text is never shown, wherever it appears. */
  hide(secret) {
    this.#secret = secret;
  }

  /** way: "in", "out" or "note". A frame is an object, bytes are given by their number. */
  add(way, frame) {
    if (this.#paused) return;
    let shown = typeof frame === "string" ? frame : JSON.stringify(frame, shorten);
    if (this.#secret) shown = shown.replaceAll(this.#secret, "•••");
    if (shown.length > CHARACTERS_MAX) shown = `${shown.slice(0, CHARACTERS_MAX)}…`;
    const time = TIME.format(new Date());
    this.#lines.push({ way, line: `${time} ${{ in: "←", out: "→", note: "·" }[way]} ${shown}` });
    if (this.#lines.length > FRAMES_MAX) this.#lines.shift();
    this.#undrawn = Math.min(this.#undrawn + 1, FRAMES_MAX);
    this.#schedule();
  }

  #schedule() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      if (this.#undrawn > 0 && this.#list.checkVisibility()) this.#draw();
    });
  }

  /** Measures once for all lines: that lays out the whole page. */
  #draw() {
    const list = this.#list;
    const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_END_PX;
    list.append(...this.#lines.slice(-this.#undrawn).map(({ way, line }) => {
      const item = document.createElement("li");
      item.dataset.way = way;
      item.textContent = line;
      return item;
    }));
    this.#undrawn = 0;
    while (list.childElementCount > FRAMES_MAX) list.firstElementChild.remove();
    if (isAtEnd) list.scrollTop = list.scrollHeight;
  }
}

/** Sound in base64 is shown by its length. */
function shorten(key, value) {
  if (typeof value !== "string" || !/base64$|^audio$/.test(key) || value.length <= LONG_TEXT) return value;
  return `${value.slice(0, 16)}… (${value.length})`;
}
