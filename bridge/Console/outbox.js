// What was said and is not yet stored by the server: texts until their ack, segments of recordings until their
// audio_ack. Everything in it is sent again after a reconnect, under the same ids, which makes it exactly once. A
// recording that the day's quota has no room for is kept until the person sends it again.

/** An answer that is so late may have been lost; sending again does no harm. */
const PATIENCE_MS = 15_000;
/** The server takes so many unacknowledged segments of a recording at once. */
const IN_FLIGHT_MAX = 8;

export class Outbox {
  #texts = new Map();
  #recordings = new Map();
  #link;

  /** Whether the connection is that of this outbox's conversation; else it only keeps. */
  isActive = false;

  constructor(link) {
    this.#link = link;
  }

  /** Whether everything is stored. */
  get isEmpty() {
    return this.#texts.size === 0 && [...this.#recordings.values()].every(({ kept }) => kept.size === 0);
  }

  /** Whether a connection would have nothing to send. */
  get isIdle() {
    return this.#texts.size === 0 && [...this.#recordings.values()].every(({ kept, refusal }) => refusal || kept.size === 0);
  }

  /** Texts that wait: [{id, text, chip}]. */
  get texts() {
    return [...this.#texts.values()];
  }

  addText(message) {
    this.#texts.set(message.id, message);
    this.#sendText(message);
  }

  /** The message has its answer, good or bad. */
  takeText(id) {
    const message = this.#texts.get(id);
    this.#texts.delete(id);
    return message;
  }

  /** Sends one again that the server could not take just now. */
  repeatText(id) {
    const message = this.#texts.get(id);
    if (message) this.#sendText(message);
  }

  startRecording(id) {
    this.#recordings.set(id, { id, kept: new Map(), stored: 0, total: undefined, isRunning: true });
    this.#announce(id);
  }

  /** {index, bytes, duration_ms, isLast} */
  addSegment(id, segment) {
    const recording = this.#recordings.get(id);
    recording.kept.set(segment.index, segment);
    if (segment.isLast) {
      recording.total = segment.index + 1;
      recording.isRunning = false;
    }
    this.#fill(recording);
  }

  /** Keeps a recording that was refused, and sends nothing of it until `releaseRecording`; false: there is none. */
  holdRecording(id, refusal) {
    const recording = this.#recordings.get(id);
    if (!recording) return false;
    recording.refusal = refusal;
    for (const segment of recording.kept.values()) segment.sent_ms = undefined;
    return true;
  }

  /** Why the recording is held; undefined: it is not. */
  refusal(id) {
    return this.#recordings.get(id)?.refusal;
  }

  releaseRecording(id) {
    const recording = this.#recordings.get(id);
    if (!recording) return;
    recording.refusal = undefined;
    this.#fill(recording);
  }

  /** An audio_ack; returns {stored, total (undefined while it runs)}, or undefined for somebody else's recording. */
  takeSegments({ voice_session_id: id, durable_through: through, durable = [], rejected = [] }) {
    const recording = this.#recordings.get(id);
    if (!recording) return undefined;
    const gone = new Set([...durable, ...rejected.map(({ index }) => index)]);
    for (const index of [...recording.kept.keys()]) {
      if (index > through && !gone.has(index)) continue;
      recording.kept.delete(index);
      recording.stored += 1;
    }
    this.#fill(recording);
    return { stored: recording.stored, total: recording.total };
  }

  /** Ids of recordings that have no transcript yet. */
  get recordings() {
    return [...this.#recordings.keys()];
  }

  /** Whether the server has all of the recording. */
  isStored(id) {
    const recording = this.#recordings.get(id);
    return Boolean(recording) && !recording.isRunning && recording.kept.size === 0;
  }

  /** The recording has a transcript, or never will. One that still runs is kept, unless there is nothing in it. */
  dropRecording(id, evenRunning = false) {
    const recording = this.#recordings.get(id);
    if (recording && (evenRunning || !recording.isRunning)) this.#recordings.delete(id);
  }

  /** A new connection: everything again. */
  flush() {
    this.isActive = true;
    for (const message of this.#texts.values()) this.#sendText(message);
    for (const recording of this.#recordings.values()) {
      for (const segment of recording.kept.values()) segment.sent_ms = undefined;
      if (recording.isRunning && !recording.refusal) this.#announce(recording.id);
      this.#fill(recording);
    }
  }

  /** Now and then: what waits too long. */
  repeatLate() {
    const late_ms = Date.now() - PATIENCE_MS;
    for (const message of this.#texts.values()) if (message.sent_ms < late_ms) this.#sendText(message);
    for (const recording of this.#recordings.values()) {
      for (const segment of recording.kept.values()) if (segment.sent_ms < late_ms) segment.sent_ms = undefined;
      this.#fill(recording);
    }
  }

  #sendText(message) {
    const data = { text: message.text, client_msg_id: message.id };
    if (message.chip) data.chip_id = message.chip;
    if (this.isActive && this.#link.send({ type: "text", data })) message.sent_ms = Date.now();
  }

  #announce(id) {
    if (this.isActive) this.#link.send({ type: "recording_started", data: { voice_session_id: id } });
  }

  #fill(recording) {
    if (!this.isActive || recording.refusal) return;
    let inFlight = [...recording.kept.values()].filter(({ sent_ms }) => sent_ms !== undefined).length;
    for (const segment of recording.kept.values()) {
      if (segment.sent_ms !== undefined || inFlight >= IN_FLIGHT_MAX) continue;
      const { index, bytes, isLast } = segment;
      const shown = `audio ${recording.id} #${index} ${bytes.byteLength} B${isLast ? " is_last" : ""}`;
      if (!this.#link.sendBytes(segmentFrame(recording.id, segment), shown)) return;
      segment.sent_ms = Date.now();
      inFlight += 1;
    }
  }
}

/** The binary frame of PROTOCOL.md, “Speech of the user”. */
export function segmentFrame(id, { index, duration_ms, isLast, bytes }) {
  const name = new TextEncoder().encode(id);
  const frame = new Uint8Array(11 + name.length + bytes.byteLength);
  const header = new DataView(frame.buffer);
  header.setUint8(0, 1);
  header.setUint8(1, isLast ? 1 : 0);
  header.setUint32(2, index);
  header.setUint32(6, duration_ms);
  header.setUint8(10, name.length);
  frame.set(name, 11);
  frame.set(new Uint8Array(bytes), 11 + name.length);
  return frame;
}
