// Who is here and where: the token (in memory only), the conversation (in the address bar), and this browser's
// choices.

const NAMES = { device: "lifeecho.device", language: "lifeecho.language", size: "lifeecho.size" };

/** A random UUID; crypto.randomUUID exists in secure contexts only, and a bridge in a home network has no https. */
export function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** A choice that outlives the page, where the browser keeps such things. */
export function recall(name) {
  try {
    return localStorage.getItem(NAMES[name]);
  } catch {
    return null;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(NAMES[name], value);
  } catch {
    // Private windows may have no storage: the choice lasts as long as the page.
  }
}

export class Session {
  #token = "";
  #conversation = "";

  constructor() {
    this.device = recall("device") ?? newId();
    remember("device", this.device);
    this.legacy = false;
    this.speech = true;
    this.readFragment();
  }

  get token() {
    return this.#token;
  }

  set token(value) {
    this.#token = value.trim();
  }

  get conversation() {
    return this.#conversation;
  }

  /** The address bar shows it, so that a reload opens it again. */
  set conversation(id) {
    this.#conversation = id;
    history.replaceState(null, "", `${location.pathname}#conversation=${encodeURIComponent(id)}`);
  }

  /** Takes `#token=…` and `#conversation=…`, and the token out of the address bar. Says which of them were there. */
  readFragment() {
    const fragment = new URLSearchParams(location.hash.slice(1));
    const found = { token: fragment.get("token"), conversation: fragment.get("conversation") };
    if (found.token) this.token = found.token;
    this.conversation = found.conversation || this.#conversation || newId();
    return found;
  }

  /** When the token ends, if it says so: milliseconds since 1970. */
  get tokenEnds_ms() {
    try {
      const [, claims] = this.#token.split(".");
      return JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/"))).exp * 1000 || Infinity;
    } catch {
      return Infinity;
    }
  }

  /** `position`: {after, epoch} of what was seen; absent for the first protocol. */
  address(position) {
    const query = new URLSearchParams({ token: this.#token });
    if (!this.legacy) {
      query.set("v", "2");
      query.set("after", position.after);
      if (position.epoch) query.set("epoch", position.epoch);
      query.set("device", this.device);
      if (this.speech) query.set("speech", "mp3");
    }
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    return `${scheme}//${location.host}/ws/conversation/${encodeURIComponent(this.#conversation)}?${query}`;
  }
}
