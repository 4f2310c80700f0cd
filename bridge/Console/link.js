// The connection: one WebSocket after the other, with jittered backoff between them. It knows when a socket is
// dead, what a close code asks for, and nothing of what the frames mean.

const PING_MS = 20_000;
const PONG_MS_MAX = 10_000;
const BACKOFF_MS_MIN = 500;
const BACKOFF_MS_MAX = 30_000;
/** From the first packet to the frame `connect`. */
const CONNECT_MS_MAX = 20_000;
/** A connection that lived this long was a good one: the next wait is short again. */
const STABLE_MS = 5_000;
/** The browser does not say why a handshake failed. So often refused by a server that answers: it is the token. */
const REFUSALS_MAX = 3;

export class Link {
  #socket;
  #attempt = 0;
  #refusals = 0;
  #wasOpen = false;
  #timer;
  #pinger;
  #lastHeard_ms = 0;
  #state = { name: "closed" };

  /**
   * address(): the URL; isOver(): whether its token must have ended; onFrame(object); onRaw(way, frame) for the raw view,
   * way being "in", "out" or "note"; onState({name, …}), name being "closed" (isByServer), "connecting", "open", "waiting" (until_ms),
   * "offline" or "refused" (reason: "token", "expired", or the server's words).
   */
  constructor({ address, isOver, onFrame, onRaw, onState }) {
    Object.assign(this, { address, isOver, onFrame, onRaw, onState });
    addEventListener("online", () => this.#hurry());
    addEventListener("offline", () => {
      if (this.isOpen) this.#ping();
      else if (this.#state.name === "waiting") this.#become({ name: "offline" });
    });
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#hurry());
  }

  get state() {
    return this.#state;
  }

  get isOpen() {
    return this.#state.name === "open";
  }

  /** Connects; a socket that is there is left. For another token, conversation or protocol, or after a close. */
  open() {
    this.#drop();
    this.#attempt = 0;
    this.#refusals = 0;
    this.#wasOpen = false;
    this.#connect();
  }

  /** Connects when nobody does. */
  wake() {
    if (this.#state.name === "closed") this.open();
    else this.#hurry();
  }

  close() {
    this.#drop();
    this.#become({ name: "closed" });
  }

  /** Whether the frame was handed to the socket. */
  send(frame) {
    if (!this.isOpen) return false;
    this.#socket.send(JSON.stringify(frame));
    this.onRaw("out", frame);
    return true;
  }

  /** A binary frame; `shown` stands for it in the raw view. */
  sendBytes(bytes, shown) {
    if (!this.isOpen) return false;
    this.#socket.send(bytes);
    this.onRaw("out", shown);
    return true;
  }

  #connect() {
    clearTimeout(this.#timer);
    this.#become({ name: "connecting" });
    let socket;
    try {
      socket = new WebSocket(this.address());
    } catch {
      return this.#wait();
    }
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#giveUp("no connection"), CONNECT_MS_MAX);
    let opened = false;
    socket.onopen = () => (opened = true);
    socket.onmessage = ({ data }) => this.#hear(data);
    socket.onclose = ({ code, reason }) => this.#closed(opened, code, reason);
  }

  #hear(data) {
    this.#lastHeard_ms = Date.now();
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return this.onRaw("note", "?");
    }
    if (frame.type !== "pong") this.onRaw("in", frame);
    if (frame.type === "connect") {
      this.#wasOpen = true;
      this.#refusals = 0;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => (this.#attempt = 0), STABLE_MS);
      this.#pinger = setInterval(() => this.#ping(), PING_MS);
      this.#become({ name: "open" });
    }
    this.onFrame(frame);
  }

  #ping() {
    const sent_ms = Date.now();
    const socket = this.#socket;
    this.#socket.send('{"type":"ping"}');
    setTimeout(() => {
      if (socket === this.#socket && this.#lastHeard_ms < sent_ms) this.#giveUp("no pong");
    }, PONG_MS_MAX);
  }

  #giveUp(why) {
    this.onRaw("note", why);
    this.#drop();
    this.#wait();
  }

  async #closed(opened, code, reason) {
    this.#drop();
    this.onRaw("note", `close ${code} ${reason}`);
    if (code === 1000) return this.#become({ name: "closed", isByServer: true });
    if (code === 1008) return this.#become({ name: "refused", reason });
    if (code === 4401) return this.#become({ name: "refused", reason: "expired" });
    const seconds = code === 1012 && /retry in (\d+)/.exec(reason)?.[1];
    if (seconds) return this.#wait(Number(seconds) * 1000);
    // A token that was good until its end stays good: then it is the service that refuses, and waiting helps.
    if (!opened && (!this.#wasOpen || this.isOver())) {
      const isRefused = (await serverAnswers()) && ++this.#refusals >= REFUSALS_MAX;
      // Somebody closed or connected meanwhile.
      if (this.#socket || this.#state.name !== "connecting") return;
      if (isRefused) return this.#become({ name: "refused", reason: "token" });
    }
    this.#wait();
  }

  /** Half of the wait is chance, so that not everybody comes back at once. */
  #wait(atLeast_ms = 0) {
    const backoff_ms = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** this.#attempt++);
    const wait_ms = atLeast_ms + (backoff_ms * (1 + Math.random())) / 2;
    if (navigator.onLine === false) this.#become({ name: "offline" });
    else this.#become({ name: "waiting", until_ms: Date.now() + wait_ms });
    this.#timer = setTimeout(() => this.#connect(), wait_ms);
  }

  #hurry() {
    if (this.#state.name === "waiting" || this.#state.name === "offline") this.#connect();
  }

  /** Forgets the socket: whatever it still says is not heard. */
  #drop() {
    clearTimeout(this.#timer);
    clearInterval(this.#pinger);
    if (!this.#socket) return;
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    this.#socket = undefined;
  }

  #become(state) {
    this.#state = state;
    this.onState(state);
  }
}

async function serverAnswers() {
  try {
    return (await fetch("style.css", { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}
