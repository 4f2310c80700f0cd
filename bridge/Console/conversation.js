// What frames mean (bridge/PROTOCOL.md), and what the person says: between the connection, the outbox, the view and
// the speaker.

import { Outbox } from "./outbox.js";
import { newId } from "./session.js";
import { language, text } from "./texts.js";

/** The server's limit of one text, in characters. */
export const TEXT_CHARACTERS_MAX = 4_000;
const REPEAT_LATE_MS = 5_000;
const REPEATS_MAX = 4;
const REPEAT_MS_MIN = 1_000;
/** What a later try may mend. */
const PASSING = new Set(["UNAVAILABLE", "INTERNAL"]);
/** Why a recording did not become text. */
const FAILURES = { NO_SPEECH: "heardNothing", ENGINE_MISSING: "engineMissing" };
/** In the refusal of a segment: no other will be taken either. */
const ENDING = new Set(["VOICE_SESSION_FINISHED", "VOICE_SESSION_FULL"]);
/** The whole conversation is closed to this person; the close frame follows. */
const CLOSING = new Set(["CONVERSATION_DELETED", "CONVERSATION_FORBIDDEN", "USER_UNKNOWN"]);

export class Conversation {
  #position = { after: 0, epoch: "" };
  #outboxes = new Map();
  #outbox;
  #isReplaying = false;
  #wasOpen = false;
  #openTurns = new Set();
  #turnOf = new Map();
  #mine = new Set();
  #cancels = 0;
  /** The recording that runs, and where each one belongs: {outbox} or, of an old phone, {}. */
  #running;
  #homes = new Map();
  /** What is being tried again, by turn or recording: shows the failure again, with the code of a refusal if there is one. */
  #retries = new Map();
  /** The code that the server closed this conversation with. */
  closedWith;

  /**
   * ui: {chips(list), quota(status), notice(text, lasts), busy(whether), stopRecording()}: what stands around the log.
   */
  constructor({ session, link, view, speaker, ui }) {
    Object.assign(this, { session, link, view, speaker, ui });
    setInterval(() => link.isOpen && this.#outbox?.repeatLate(), REPEAT_LATE_MS);
  }

  /** Whether everything that was said is stored. */
  get isSaved() {
    return [...this.#outboxes.values()].every((outbox) => outbox.isEmpty);
  }

  /** Where to go on. The last event is asked for again, since its frames may have been cut off halfway. */
  get address() {
    const { after, epoch } = this.#position;
    return this.session.address({ after: Math.max(0, after - 1), epoch });
  }

  /** Shows the session's conversation from its beginning and connects. */
  enter() {
    const { conversation } = this.session;
    if (this.#outbox) this.#outbox.isActive = false;
    this.#outbox = this.#outboxes.get(conversation) ?? new Outbox(this.link);
    this.#outboxes.set(conversation, this.#outbox);
    this.#wasOpen = false;
    this.#forget();
    this.link.open();
  }

  /** Forgets everything, also what was not stored. */
  leave() {
    if (this.#outbox) this.#outbox.isActive = false;
    this.#outboxes.clear();
    this.#homes.clear();
    this.#outbox = new Outbox(this.link);
    this.#forget();
  }

  #forget() {
    this.#position = { after: 0, epoch: "" };
    this.closedWith = undefined;
    this.#openTurns.clear();
    this.#retries.clear();
    this.speaker.stop();
    this.view.clear();
    this.ui.chips([]);
    this.#showWaiting();
  }

  /** The connection came or went. */
  connectionChanged({ name, isByServer }) {
    if (name === "open" || name === "connecting") return;
    // Ended, while something was still on its way: that goes on with the conversation.
    if (isByServer && !this.#outbox.isIdle) queueMicrotask(() => this.link.wake());
    this.speaker.complete();
    this.#openTurns.delete("legacy");
    this.#showThinking();
    this.#showWaiting();
    // The answer may be lost; what did not fail again comes as usual.
    for (const restore of this.#retries.values()) restore();
    this.#retries.clear();
  }

  #showWaiting() {
    for (const message of this.#outbox?.texts ?? []) this.#showText(message);
    for (const id of this.#outbox?.recordings ?? []) this.#showRecording(id);
  }

  // What the person does

  say(words, chip) {
    this.bargeIn();
    this.ui.chips([]);
    const message = { id: newId(), text: words, chip, time: new Date() };
    this.#mine.add(message.id);
    if (this.session.legacy) return this.#sayAsLegacyPhone(message);
    this.#outbox.addText(message);
    this.#showText(message);
    this.link.wake();
    this.view.toNewest();
  }

  #sayAsLegacyPhone(message) {
    const isSent = this.link.send({ type: "text", data: { text: message.text } });
    const retry = isSent ? undefined : () => this.#sayAsLegacyPhone(message);
    this.view.put(`m:${message.id}`, {
      who: "me", words: message.text, time: message.time, state: isSent ? undefined : "failed",
      meta: isSent ? "" : () => text("notSent"), retry,
    });
    if (isSent) this.#think("legacy");
    else this.link.wake();
    this.view.toNewest();
  }

  #showText(message) {
    const isSending = this.link.isOpen && message.sent_ms !== undefined;
    this.view.put(`m:${message.id}`, {
      who: "me", words: message.text, time: message.time, retry: undefined,
      state: isSending ? "sending" : "unsent", meta: () => text(isSending ? "sending" : "unsent"),
    });
  }

  /** Speech stops when the person begins to speak or to write. */
  bargeIn() {
    const heard = this.speaker.stop();
    if (!heard) return;
    this.#cancels += 1;
    const data = { heard: heard.heard_ms / 1000 };
    // Speech may come before the agent_response that tells its turn.
    const turn = this.#turnOf.get(heard.message);
    if (turn) data.turn_id = turn;
    if (heard.first > 0) data.heard_from = heard.first;
    if (!this.link.send({ type: "tts_cancel", data })) this.#cancels -= 1;
  }

  end() {
    this.speaker.stop();
    this.link.send({ type: "end_conversation", data: {} });
  }

  startRecording() {
    this.bargeIn();
    this.ui.chips([]);
    const id = newId();
    this.#mine.add(id);
    this.#running = id;
    if (this.session.legacy) {
      this.#homes.set(id, {});
      this.link.send({ type: "recording_started", data: { voice_session_id: id } });
    } else {
      this.#homes.set(id, { outbox: this.#outbox });
      this.#outbox.startRecording(id);
    }
    this.#showRecording(id, { time: new Date() });
    this.link.wake();
    return id;
  }

  /** {index, bytes, duration_ms, isLast} */
  addSegment(id, segment) {
    const home = this.#homes.get(id);
    if (segment.isLast) {
      this.#running = undefined;
      this.#homes.delete(id);
    }
    // Another conversation may have been opened meanwhile, or nobody is here any more.
    if (!home) return;
    if (home.outbox) home.outbox.addSegment(id, segment);
    else this.#sendAsLegacyPhone(id, segment);
    if (this.view.get(`v:${id}`) && (segment.isLast || !this.link.isOpen)) this.#showRecording(id);
  }

  /** Nothing was recorded. */
  cancelRecording(id) {
    this.#running = undefined;
    const home = this.#homes.get(id);
    // Else it was refused, and says so.
    if (!home || home.outbox?.refusal(id)) return;
    home.outbox?.dropRecording(id, true);
    this.#homes.delete(id);
    this.view.remove(`v:${id}`);
  }

  #sendAsLegacyPhone(id, { index, bytes, duration_ms, isLast }) {
    const data = {
      voice_session_id: id, segment_index: index, is_last: isLast, duration: duration_ms / 1000,
      audio_base64: base64(new Uint8Array(bytes)),
    };
    if (!this.link.send({ type: "audio_segment", data })) this.#note(`l:${id}`, () => text("notSent"));
  }

  #showRecording(id, fields = {}) {
    const refusal = this.#outbox.refusal(id);
    if (refusal) return this.#showHeld(id, refusal);
    const isAway = !this.link.isOpen && !this.#outbox.isStored(id);
    const away = this.session.legacy ? "notSent" : "recordingLost";
    const isRunning = id === this.#running;
    const state = isRunning ? "recordingOn" : isAway ? away : "transcribing";
    this.view.put(`v:${id}`, {
      who: "me", words: () => text(state), state: "waiting", meta: () => (isRunning && isAway ? text(away) : ""),
      retry: undefined, ...fields,
    });
  }

  /** It waits for another day, or for a larger quota: the person sends it again. */
  #showHeld(id, refusal) {
    const again = () => {
      this.#outbox.releaseRecording(id);
      this.view.put(`v:${id}`, { order: undefined });
      this.#showRecording(id);
      this.link.wake();
    };
    this.view.put(`v:${id}`, {
      who: "me", words: () => this.#explain(refusal), state: "failed", meta: () => text("recordingKept"), retry: again,
      order: refusal.order,
    });
  }

  // What the server says

  receive(frame) {
    const { type, data = {}, seq } = frame;
    const time = new Date(frame.timestamp);
    // An ack overtakes what came before it in the log: it is no position.
    if (seq > 0 && type !== "ack" && type !== "connect") {
      this.#position = { after: Math.max(seq, this.#position.after), epoch: frame.log_epoch };
    }
    const context = { order: seq > 0 ? seq : undefined, time: Number.isNaN(time.getTime()) ? new Date() : time };
    this.#handlers[type]?.call(this, data, context);
  }

  #handlers = {
    connect: this.#onConnect,
    replay_completed: () => this.#replaying(false),
    agent_response: this.#onAgentResponse,
    message: this.#onMessage,
    transcript: this.#onTranscript,
    ack: this.#onAck,
    audio_ack: this.#onAudioAck,
    turn: this.#onTurn,
    topic_suggestions: ({ suggestions }) => this.ui.chips(suggestions ?? []),
    quota: (data) => this.ui.quota(data),
    listening_feedback: this.#onListening,
    end_conversation: this.#onEnd,
    go_away: () => this.ui.notice(() => text("goingAway"), true),
    tts_audio: this.#onSpeech,
    tts_cancelled: this.#onSpeechCancelled,
    error: this.#onError,
  };

  #onConnect(data) {
    if (this.session.legacy) return;
    if (data.recovered === false && this.#position.after > 0) {
      this.#forget();
      this.ui.notice(() => text("historyGap"));
      return this.link.open();
    }
    if (data.quota) this.ui.quota(data.quota);
    this.ui.notice(this.#wasOpen ? () => text("restored") : undefined);
    this.#wasOpen = true;
    this.#replaying(true);
    this.#outbox.flush();
    this.#showWaiting();
  }

  #replaying(isReplaying) {
    this.#isReplaying = isReplaying;
    this.ui.busy(isReplaying);
    this.#showThinking();
  }

  #onAgentResponse(data, { order, time }) {
    const { assistant_message_id: id, turn_id: turn } = data;
    if (turn) this.#turnOf.set(id, turn);
    this.#openTurns.delete(turn);
    this.#openTurns.delete("legacy");
    this.#showThinking();
    this.view.put(pieceKey(data), { who: "agent", words: data.text, order, time });
  }

  #onMessage(data, { order, time }) {
    const id = data.request_id || data.message_id;
    const who = this.#mine.has(id) || this.#isReplaying ? "me" : "other";
    this.#outbox.takeText(id);
    if (who === "other") this.ui.chips([]);
    this.view.put(`m:${id}`, { who, words: data.text, order, time, state: undefined, meta: "", retry: undefined });
  }

  #onTranscript(data, { order, time }) {
    const { voice_session_id: recording, message_id: id } = data;
    const isMine = this.#mine.has(recording);
    this.view.remove(`f:${recording}`);
    this.view.remove(`t:${recording}`);
    this.view.remove(`p:${recording}`);
    this.#retries.delete(recording);
    this.#outbox.dropRecording(recording);
    if (this.session.legacy && data.text) this.#think("legacy");
    if (!data.text && !isMine) return;
    this.view.put(isMine ? `v:${recording}` : `m:${id ?? newId()}`, {
      who: isMine || this.#isReplaying ? "me" : "other", words: data.text || (() => text("heardNothing")), order, time,
      state: data.text ? undefined : "waiting", meta: "", retry: undefined,
    });
  }

  #onAck(data, { order, time }) {
    if (!this.#outbox.takeText(data.client_msg_id)) return;
    const stored = { order, time, state: undefined, meta: () => text("sent"), retry: undefined };
    this.view.put(`m:${data.client_msg_id}`, stored);
  }

  #onAudioAck(data) {
    const key = `v:${data.voice_session_id}`;
    const refusal = data.rejected?.[0];
    if (refusal?.code === "QUOTA_EXCEEDED") return this.#recordingRefused(data.voice_session_id, refusal);
    const progress = this.#outbox.takeSegments(data);
    if (!progress || !this.view.get(key)) return;
    this.view.remove(`p:${data.voice_session_id}`);
    const { stored, total } = progress;
    if (refusal) this.#recordingRefused(data.voice_session_id, refusal, ENDING.has(refusal.code));
    else if (this.view.get(key).state === "waiting") {
      this.view.put(key, { meta: () => text("recordingSaved", stored, total ?? stored) });
    }
  }

  #onListening({ voice_session_id: recording, text: words }, { time }) {
    this.view.put(`f:${recording}`, { who: "agent", words, time, meta: () => text("listening") });
  }

  #onEnd(_, { order }) {
    this.view.put(`e:${order ?? newId()}`, { who: "note", words: () => text("goodbye"), order });
  }

  #onTurn({ turn_id: turn, kind, state, retryable }, { order }) {
    this.view.remove(`t:${turn}`);
    this.#retries.delete(turn);
    if (state === "started") this.#openTurns.add(turn);
    else this.#openTurns.delete(turn);
    // In a replay no error follows. A greeting that cannot be made is none.
    if (state === "failed" && kind === "reply") this.#turnFailed(turn, { retryable }, order);
    this.#showThinking();
  }

  #think(turn) {
    this.#openTurns.add(turn);
    this.#showThinking();
  }

  #showThinking() {
    if (this.#openTurns.size === 0 || !this.link.isOpen) this.view.remove("thinking");
    else if (!this.#isReplaying && !this.view.get("thinking")) {
      this.view.put("thinking", { who: "note", words: () => text("thinking") });
    }
  }

  #onSpeech(data) {
    const { assistant_message_id: id, audio_base64: audio = "", is_last: isLast } = data;
    // Nobody is talked over.
    if (!this.session.speech || this.#running) return;
    const bytes = Uint8Array.from(atob(audio), (character) => character.charCodeAt(0));
    this.speaker.add({ message: id, key: pieceKey(data), index: data.index, bytes, isLast });
  }

  /** Another device asked for silence. */
  #onSpeechCancelled() {
    if (this.#cancels > 0) this.#cancels -= 1;
    else this.speaker.stop();
  }

  /** Where what is no event of the log stands: behind what was there when it came. */
  get #here() {
    return this.session.legacy ? undefined : this.#position.after;
  }

  #onError(data, { order = this.#here }) {
    const { code, client_msg_id: id, voice_session_id: recording, turn_id: turn } = data;
    this.#openTurns.delete("legacy");
    const restore = this.#retries.get(recording ?? turn);
    this.#retries.delete(recording ?? turn);
    if (CLOSING.has(code)) this.closedWith = code;
    else if (id && this.#mine.has(id)) this.#textRefused(id, data);
    else if (code === "TRANSCRIPTION_FAILED") this.#transcriptionFailed(recording, data, order);
    else if (code === "TURN_FAILED") this.#turnFailed(turn, data, order);
    else if (restore) restore(code);
    else if (this.#mine.has(recording)) this.#recordingRefused(recording, data);
    else this.#problem(`p:${newId()}`, data);
    this.#showThinking();
  }

  /** Asks for another try; until there is an answer, `restore` shows the failure again. */
  #tryAgain(id, data, restore) {
    const isSent = this.link.send({ type: "retry", data });
    if (isSent) this.#retries.set(id, restore);
    return isSent;
  }

  #turnFailed(turn, { retryable }, order) {
    this.#openTurns.delete(turn);
    const restore = () => this.#turnFailed(turn, { retryable }, order);
    const again = () => this.#tryAgain(turn, { turn_id: turn }, restore) && this.view.remove(`t:${turn}`);
    this.#note(`t:${turn}`, () => text("turnFailed"), order, retryable ? again : undefined);
  }

  /**
   * The server does not take the recording, or cannot just now: then the outbox sends it again. Unless it is over, a segment
   * alone was refused, and what is being said goes on.
   */
  #recordingRefused(recording, data, isOver = true) {
    if (PASSING.has(data.code)) return this.#problem(`p:${recording}`, data);
    this.view.remove(`p:${recording}`);
    if (isOver && this.#running === recording) this.ui.stopRecording();
    if (data.code === "QUOTA_EXCEEDED") {
      if (this.#outbox.holdRecording(recording, { ...data, order: this.#here })) this.#showRecording(recording);
      return;
    }
    this.#outbox.dropRecording(recording, isOver);
    if (isOver) this.#homes.delete(recording);
    const words = () => this.#explain(data);
    this.view.put(`v:${recording}`, { who: "me", words, order: this.#here, state: "failed", meta: "", retry: undefined });
  }

  #textRefused(id, data) {
    const message = this.#outbox.texts.find((waiting) => waiting.id === id);
    if (!message) return;
    message.refusals = (message.refusals ?? 0) + 1;
    if (PASSING.has(data.code) && message.refusals < REPEATS_MAX) {
      setTimeout(() => this.#outbox.repeatText(id), REPEAT_MS_MIN * 2 ** message.refusals);
      return;
    }
    this.#outbox.takeText(id);
    const problem = problemKey(`p:${id}`, data);
    const retry = () => {
      message.refusals = 0;
      this.view.remove(problem);
      this.#outbox.addText(message);
      this.view.put(`m:${id}`, { order: undefined });
      this.#showText(message);
    };
    this.view.put(`m:${id}`, { order: this.#here, state: "failed", meta: () => text("notSent"), retry });
    this.#problem(problem, data);
  }

  #transcriptionFailed(recording, data, order) {
    const { generation, reason, retryable } = data;
    const words = () => text(FAILURES[reason] ?? "transcriptionFailed");
    const restore = (code = reason) => this.#transcriptionFailed(recording, { ...data, reason: code }, order);
    const again = () => {
      if (!this.#tryAgain(recording, { voice_session_id: recording, generation }, restore)) return;
      if (this.#mine.has(recording)) this.#showRecording(recording);
      else this.view.remove(`t:${recording}`);
    };
    const retry = retryable ? again : undefined;
    this.#outbox.dropRecording(recording);
    if (this.#mine.has(recording)) {
      this.view.put(`v:${recording}`, { who: "me", words, order, state: "failed", meta: "", retry });
    } else this.#note(`t:${recording}`, words, order, retry);
  }

  /** A refusal in words for people: the server's own are Chinese. */
  #explain({ code, message }) {
    if (code === "ENGINE_MISSING") return text("engineMissing");
    if (code === "QUOTA_EXCEEDED") return language() === "zh" && message ? message : text("overQuota");
    if (code || language() !== "zh") return text("problem");
    return message || text("problem");
  }

  /** One note for each key, where it came last. */
  #problem(key, data) {
    const one = problemKey(key, data);
    this.view.remove(one);
    this.#note(one, () => this.#explain(data), this.#here);
  }

  #note(key, words, order, retry) {
    this.view.put(key, { who: "note", words, state: "bad", order, retry });
  }
}

/** A day's quota is used up once. */
function problemKey(key, { code }) {
  return code === "QUOTA_EXCEEDED" ? "p:quota" : key;
}

function pieceKey({ assistant_message_id: id, index }) {
  return `a:${id}:${index}`;
}

function base64(bytes) {
  let characters = "";
  const step = 0x8000;
  for (let start = 0; start < bytes.length; start += step) {
    characters += String.fromCharCode(...bytes.subarray(start, start + step));
  }
  return btoa(characters);
}
