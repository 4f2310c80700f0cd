// The microphone button: one press starts, the next ends. What is recorded goes to the conversation segment by
// segment.

import { Recorder } from "./recorder.js";
import { text } from "./texts.js";

const CLOCK_MS = 250;

export class Dictation {
  #recorder;
  #recording;
  #startedAt_ms;
  #clock;
  #state = "off";
  #wakeLock;

  /** elements: {button, label, panel, time, level}; ui: {notice(text, lasts)}. */
  constructor({ conversation, elements, ui }) {
    Object.assign(this, { conversation, elements, ui });
    elements.button.addEventListener("click", () => this.toggle());
    this.draw();
  }

  get isOn() {
    return this.#state !== "off";
  }

  toggle() {
    if (this.#state === "off") this.#start();
    else this.stop();
  }

  stop() {
    if (this.#state !== "on") return;
    this.#become("ending");
    this.#recorder.stop();
  }

  async #start() {
    this.#become("starting");
    this.ui.notice(undefined);
    let recording;
    this.#recorder = new Recorder({
      onSegment: (segment) => {
        if (segment.bytes.byteLength) this.conversation.addSegment(recording, segment);
        else if (segment.isLast) this.conversation.cancelRecording(recording);
      },
      onLevel: (level) => (this.elements.level.value = level),
      onEnd: () => this.#become("off"),
      onFailure: (name) => this.ui.notice(() => text(name)),
    });
    try {
      await this.#recorder.start();
    } catch (error) {
      this.ui.notice(() => text(error.text ?? "micMissing"), true);
      return this.#become("off");
    }
    recording = this.conversation.startRecording();
    this.#startedAt_ms = Date.now();
    this.#become("on");
  }

  #become(state) {
    this.#state = state;
    clearInterval(this.#clock);
    this.#keepAwake(state === "on");
    if (state === "on") this.#clock = setInterval(() => this.#drawTime(), CLOCK_MS);
    this.draw();
  }

  /** A phone that falls asleep stops listening. Where the browser cannot keep it awake, it cannot. */
  #keepAwake(isOn) {
    this.#wakeLock?.then((lock) => lock.release()).catch(() => {});
    this.#wakeLock = isOn ? navigator.wakeLock?.request("screen") : undefined;
    this.#wakeLock?.catch(() => {});
  }

  /** Also after a change of language. */
  draw() {
    const { button, label, panel, status } = this.elements;
    const isOn = this.#state === "on" || this.#state === "ending";
    panel.hidden = !isOn;
    // Not disabled: that would take the focus away from under the fingers.
    button.ariaDisabled = String(this.#state === "starting" || this.#state === "ending");
    // The label says what a press does; a pressed state beside it would say it twice.
    button.classList.toggle("on", isOn);
    label.textContent = text(isOn ? "recordStop" : this.#state === "starting" ? "recordStarting" : "record");
    status.textContent = isOn ? text("recordingOn") : "";
    this.#drawTime();
  }

  #drawTime() {
    const seconds = this.#state === "on" ? Math.floor((Date.now() - this.#startedAt_ms) / 1000) : 0;
    this.elements.time.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }
}
