// The raw frames view: what came and went, for developers. Neither the token nor the sound of a recording is shown.

const FRAMES_MAX = 300;
const CHARACTERS_MAX = 4_000;
const LONG_TEXT = 96;

export class Frames {
  #list;
  #lines = [];
  #paused = false;
  #secret = "";

  constructor({ list, pause, copy, clear }) {
    this.#list = list;
    pause.addEventListener("change", () => (this.#paused = pause.checked));
    copy.addEventListener("click", () => navigator.clipboard?.writeText(this.#lines.join("\n")));
    clear.addEventListener("click", () => this.clear());
  }

  clear() {
    this.#lines = [];
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
    const time = new Date().toLocaleTimeString(undefined, { hour12: false });
    const line = `${time} ${{ in: "←", out: "→", note: "·" }[way]} ${shown}`;
    this.#lines.push(line);
    const item = document.createElement("li");
    item.dataset.way = way;
    item.textContent = line;
    const atEnd = this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < 40;
    this.#list.append(item);
    while (this.#list.childElementCount > FRAMES_MAX) {
      this.#list.firstElementChild.remove();
      this.#lines.shift();
    }
    if (atEnd) this.#list.scrollTop = this.#list.scrollHeight;
  }
}

/** Sound in base64 is shown by its length. */
function shorten(key, value) {
  if (typeof value !== "string" || !/base64$|^audio$/.test(key) || value.length <= LONG_TEXT) return value;
  return `${value.slice(0, 16)}… (${value.length})`;
}
