// The microphone, in segments of 5 to 8 seconds. Each segment is a file of its own that can be decoded without the
// others, because each comes from a MediaRecorder of its own: the next one is started before the last one is
// stopped, so that no syllable is lost at the seam (a few milliseconds are in both). The cut is made at the first
// pause after five seconds, at eight seconds at the latest.

const SEGMENT_MS_MIN = 5_000;
const SEGMENT_MS_MAX = 8_000;
/** The server takes an hour of speech in one recording. */
const RECORDING_MS_MAX = 58 * 60_000;
/** A recorder that is stopped sooner may have written nothing. */
const PART_MS_MIN = 400;
const TICK_MS = 50;
/** Quieter than this (root mean square, 1 is full scale) for so long is a pause. */
const QUIET_RMS = 0.015;
const QUIET_MS = 200;
const BITS_PER_SECOND = 32_000;

const CONTAINERS = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];

/** Why the microphone cannot be used: `text` is the name of the words that say so. */
export class MicrophoneError extends Error {
  constructor(text) {
    super(text);
    this.text = text;
  }
}

export class Recorder {
  #stream;
  #context;
  #analyser;
  #samples;
  #ticker;
  #part;
  #index = 0;
  #startedAt_ms;
  #quietSince_ms;
  #ended = false;
  #delivery = Promise.resolve();

  /**
   * onSegment({index, bytes, duration_ms, isLast}) is called in order;
   * onLevel(0…1) some twenty times a second; onEnd() when the last segment was handed over;
   * onFailure(textName) when the microphone fails while it runs (what was recorded is delivered all the same).
   */
  constructor({ onSegment, onLevel, onEnd, onFailure }) {
    Object.assign(this, { onSegment, onLevel, onEnd, onFailure });
  }

  /** Asks for the microphone and starts; throws a MicrophoneError. */
  async start() {
    if (!navigator.mediaDevices?.getUserMedia || !globalThis.MediaRecorder) {
      throw new MicrophoneError(isSecureContext ? "micMissing" : "micInsecure");
    }
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({
        audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
      });
    } catch (error) {
      throw new MicrophoneError(error.name === "NotAllowedError" ? "micDenied" : "micMissing");
    }
    for (const track of this.#stream.getTracks()) track.onended = () => this.#fail();
    this.#context = new AudioContext();
    this.#analyser = new AnalyserNode(this.#context, { fftSize: 2048 });
    this.#samples = new Float32Array(this.#analyser.fftSize);
    this.#context.createMediaStreamSource(this.#stream).connect(this.#analyser);
    this.#startedAt_ms = performance.now();
    this.#begin();
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Ends the recording; the last segment and onEnd follow. */
  stop() {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#ticker);
    if (!this.#part) return;
    const age_ms = performance.now() - this.#part.started_ms;
    setTimeout(() => this.#finish(this.#part, true), Math.max(0, PART_MS_MIN - age_ms));
  }

  #begin() {
    const mimeType = CONTAINERS.find((type) => MediaRecorder.isTypeSupported(type));
    const recorder = new MediaRecorder(this.#stream, { mimeType, audioBitsPerSecond: BITS_PER_SECOND });
    const part = { recorder, chunks: [], started_ms: performance.now() };
    part.stopped = new Promise((resolve) => (recorder.onstop = resolve));
    part.running = new Promise((resolve) => (recorder.onstart = resolve));
    recorder.ondataavailable = ({ data }) => data.size && part.chunks.push(data);
    recorder.onerror = () => this.#fail();
    recorder.start();
    this.#part = part;
  }

  async #cut() {
    const done = this.#part;
    try {
      this.#begin();
    } catch {
      return this.#fail();
    }
    await this.#part.running;
    this.#finish(done, false);
  }

  #finish(part, isLast) {
    const index = this.#index++;
    const duration_ms = Math.round(performance.now() - part.started_ms);
    if (part.recorder.state !== "inactive") part.recorder.stop();
    this.#delivery = this.#delivery.then(async () => {
      await part.stopped;
      const blob = new Blob(part.chunks, { type: part.recorder.mimeType });
      await this.onSegment({ index, bytes: await blob.arrayBuffer(), duration_ms, isLast });
      if (!isLast) return;
      this.#release();
      this.onEnd();
    });
  }

  #tick() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    const rms = Math.sqrt(sum / this.#samples.length);
    this.onLevel(Math.min(1, rms * 4));

    const now_ms = performance.now();
    const age_ms = now_ms - this.#part.started_ms;
    this.#quietSince_ms = rms < QUIET_RMS ? (this.#quietSince_ms ?? now_ms) : undefined;
    const inPause = this.#quietSince_ms !== undefined && now_ms - this.#quietSince_ms >= QUIET_MS;
    if (now_ms - this.#startedAt_ms >= RECORDING_MS_MAX) return this.stop();
    if (age_ms >= SEGMENT_MS_MAX || (age_ms >= SEGMENT_MS_MIN && inPause)) this.#cut();
  }

  #fail() {
    if (this.#ended) return;
    this.onFailure("micBroken");
    this.stop();
  }

  #release() {
    clearInterval(this.#ticker);
    for (const track of this.#stream?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    this.#context?.close();
  }
}
