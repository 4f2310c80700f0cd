// Reads replies aloud: the pieces of a message one after the other, each an MP3 that arrives in chunks. Where the
// browser can (Media Source Extensions), a piece starts with its first chunk; elsewhere when it is complete.

const MP3 = "audio/mpeg";
/** A piece that stands still so long (a chunk that never came) must not keep the others back. */
const STUCK_MS = 8_000;
const streams = Boolean(globalThis.MediaSource?.isTypeSupported?.(MP3));

export class Speaker {
  #queue = [];
  #current;
  #heard_ms = new Map();
  /** Of each message: the index of the piece that its sound began with. */
  #first = new Map();
  #blocked = false;
  #dropped = new Set();

  /** onChange({key, blocked}) when another piece is spoken; without a key when silence follows. */
  constructor({ onChange }) {
    this.onChange = onChange;
  }

  /** The next chunk of a piece; `key` names the piece, `index` its place, `message` what falls silent together. */
  add({ message, key, index, bytes, isLast }) {
    if (this.#dropped.has(message)) return;
    let piece = [this.#current, ...this.#queue].find((known) => known?.key === key);
    if (!piece) {
      // A chunk that comes after its piece was ended is of no use.
      if (!bytes.length) return;
      piece = new Piece(message, key);
      if (!this.#first.has(message)) this.#first.set(message, index);
      this.#queue.push(piece);
    }
    piece.add(bytes);
    if (isLast) piece.complete();
    if (!this.#current) this.#next();
  }

  /** No more chunks will come (the connection is gone): what is here is still spoken. */
  complete() {
    for (const piece of [this.#current, ...this.#queue]) piece?.complete();
  }

  /**
   * Silence at once. Returns what was heard of the message being spoken, {message, first, heard_ms}, from the piece
   * `first` on; undefined when it was quiet.
   */
  stop() {
    const { message } = this.#current ?? this.#queue[0] ?? {};
    if (message === undefined) return undefined;
    const heard_ms = (this.#heard_ms.get(message) ?? 0) + (this.#current?.position_ms ?? 0);
    for (const piece of [this.#current, ...this.#queue]) {
      if (!piece) continue;
      this.#dropped.add(piece.message);
      piece.dispose();
    }
    this.#queue = [];
    this.#current = undefined;
    this.#blocked = false;
    this.onChange({ blocked: false });
    return { message, first: this.#first.get(message) ?? 0, heard_ms: Math.round(heard_ms) };
  }

  /** After a press of a key or button the browser lets a page speak. */
  unlock() {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#play();
  }

  #next() {
    this.#current = this.#queue.shift();
    if (this.#current) this.#play();
    else this.onChange({ blocked: false });
  }

  async #play() {
    const piece = this.#current;
    try {
      const spoken = piece.play();
      this.onChange({ key: piece.key, blocked: false });
      await spoken;
    } catch (error) {
      if (piece !== this.#current) return;
      if (error.name === "NotAllowedError") {
        this.#blocked = true;
        this.onChange({ key: piece.key, blocked: true });
        return;
      }
      // What cannot be decoded is passed over; it stands in the log to be read.
    }
    if (piece !== this.#current) return;
    this.#heard_ms.set(piece.message, (this.#heard_ms.get(piece.message) ?? 0) + piece.position_ms);
    piece.dispose();
    this.#next();
  }
}

/** One MP3, played while it arrives. */
class Piece {
  #audio = new Audio();
  #chunks = [];
  #url;
  #source;
  #buffer;
  #complete = false;
  #ready;
  #isReady = new Promise((resolve) => (this.#ready = resolve));
  #disposed = false;

  constructor(message, key) {
    this.message = message;
    this.key = key;
    if (!streams) return;
    this.#source = new MediaSource();
    this.#source.addEventListener("sourceopen", () => {
      if (this.#disposed) return;
      this.#buffer = this.#source.addSourceBuffer(MP3);
      this.#buffer.addEventListener("updateend", () => this.#feed());
      this.#feed();
    }, { once: true });
    this.#url = URL.createObjectURL(this.#source);
    this.#audio.src = this.#url;
    this.#ready();
  }

  get position_ms() {
    return this.#audio.currentTime * 1000;
  }

  add(bytes) {
    if (this.#complete || !bytes.length) return;
    this.#chunks.push(bytes);
    this.#feed();
  }

  complete() {
    if (this.#complete) return;
    this.#complete = true;
    if (streams) return this.#feed();
    this.#url = URL.createObjectURL(new Blob(this.#chunks, { type: MP3 }));
    this.#audio.src = this.#url;
    this.#ready();
  }

  /**
   * Resolves when it was spoken to its end; rejects when the browser does not let the page speak, cannot decode it,
   * or it stands still.
   */
  async play() {
    await this.#isReady;
    let watch;
    try {
      await new Promise((resolve, reject) => {
        this.#audio.onended = resolve;
        this.#audio.onerror = () => reject(new Error("not decodable"));
        this.#audio.play().catch((error) => error.name !== "AbortError" && reject(error));
        let last = -1;
        watch = setInterval(() => {
          if (this.#audio.currentTime === last) reject(new Error("stuck"));
          last = this.#audio.currentTime;
        }, STUCK_MS);
      });
    } finally {
      clearInterval(watch);
    }
  }

  dispose() {
    this.#disposed = true;
    this.#audio.pause();
    this.#audio.onended = this.#audio.onerror = null;
    this.#audio.removeAttribute("src");
    if (this.#url) URL.revokeObjectURL(this.#url);
  }

  #feed() {
    if (!this.#buffer || this.#buffer.updating || this.#source.readyState !== "open") return;
    const chunk = this.#chunks.shift();
    if (chunk) this.#buffer.appendBuffer(chunk);
    else if (this.#complete) this.#source.endOfStream();
  }
}
