// The page: wires its elements to the conversation. Loaded once, as a module.

import { Conversation, TEXT_CHARACTERS_MAX } from "./conversation.js";
import { Dictation } from "./dictation.js";
import { Frames } from "./frames.js";
import { Link } from "./link.js";
import { Session, newId, recall, remember } from "./session.js";
import { Speaker } from "./speaker.js";
import { language, setLanguage, text } from "./texts.js";
import { View } from "./view.js";

const NOTICE_MS = 6_000;
const $ = (id) => document.getElementById(id);
const isNarrow = matchMedia("(max-width: 899px)");

const session = new Session();
const frames = new Frames({
  list: $("frame-list"), pause: $("frames-paused"), copy: $("frames-copy"), clear: $("frames-clear"),
});
const view = new View({ log: $("log"), scroll: $("scroll"), newest: $("newest") });
const speaker = new Speaker({ onChange: showSpeaking });
const link = new Link({
  address: () => conversation.address,
  isOver: () => session.tokenEnds_ms < Date.now(),
  onFrame: (frame) => conversation.receive(frame),
  onRaw: (way, frame) => frames.add(way, frame),
  onState: (state) => {
    conversation.connectionChanged(state);
    showState(state);
    if (state.name === "refused") refused(state.reason);
  },
});
const ui = {
  chips: showChips, quota: showQuota, notice: showNotice,
  busy: (isBusy) => ($("log").ariaBusy = String(isBusy)), stopRecording: () => dictation.stop(),
};
const conversation = new Conversation({ session, link, view, speaker, ui });
const dictation = new Dictation({
  conversation, ui,
  elements: {
    button: $("mic"), label: $("mic-text"), panel: $("recording"), status: $("recording-text"),
    time: $("recording-time"), level: $("level"),
  },
});

// The connection's state

let waitTicker;

function showState({ name, until_ms }) {
  clearInterval(waitTicker);
  $("state").dataset.state = name;
  $("state-text").textContent = text(name === "open" ? "connected" : name);
  $("state-wait").textContent = "";
  if (name !== "waiting") return;
  // Counted for the eyes only.
  const count = () => ($("state-wait").textContent = ` ${Math.max(0, Math.ceil((until_ms - Date.now()) / 1000))} s`);
  count();
  waitTicker = setInterval(count, 1_000);
}

/** Why a conversation cannot be opened: the error's code, or the words of the first protocol, which has none. */
const REFUSALS = {
  CONVERSATION_DELETED: "deleted", 对话已删除: "deleted", CONVERSATION_FORBIDDEN: "forbidden", 无权访问此对话: "forbidden",
  USER_UNKNOWN: "userUnknown", 用户不存在: "userUnknown",
};

function refused(reason) {
  if (reason === "expired" || session.tokenEnds_ms < Date.now()) openGate("gateExpired");
  else if (reason === "token") openGate("gateRefused");
  else {
    const why = REFUSALS[conversation.closedWith] ?? REFUSALS[reason] ?? "notOpened";
    showNotice(() => text(why), true);
  }
}

// The gate: asks for a token

function openGate(why) {
  dictation.stop();
  showGate(true);
  $("gate-why").dataset.why = why ?? "";
  $("gate-why").textContent = why ? text(why) : "";
  $("token").value = "";
  $("token").focus();
}

function showGate(isShown) {
  $("gate").hidden = !isShown;
  $("talk").hidden = isShown;
  $("end").hidden = isShown;
  $("forget").hidden = !session.token;
}

function closeGate() {
  showGate(false);
  view.toNewest();
  if (matchMedia("(pointer: fine)").matches) $("say").focus();
}

$("gate-form").addEventListener("submit", (event) => {
  event.preventDefault();
  // Left empty: the same one again.
  if ($("token").value.trim()) session.token = $("token").value;
  $("token").value = "";
  if (session.token) start();
});

/** With a token: shows the conversation. One that is shown already goes on where it was. */
let shown;
function start() {
  frames.hide(session.token);
  closeGate();
  if (shown === session.conversation) return link.open();
  enter(session.conversation);
}

function enter(id) {
  dictation.stop();
  session.conversation = id;
  shown = id;
  $("conversation").value = id;
  showNotice(undefined);
  conversation.enter();
}

addEventListener("hashchange", () => {
  const found = session.readFragment();
  if (session.token && (found.token || found.conversation)) start();
});

// Writing

const say = $("say");

function sendText() {
  const words = say.value;
  if (!words.trim()) return;
  if ([...words.trim()].length > TEXT_CHARACTERS_MAX) return showNotice(() => text("tooLong", TEXT_CHARACTERS_MAX));
  say.value = "";
  fit();
  conversation.say(words);
}

/** The field grows with the text where style sheets alone cannot do it. */
function fit() {
  if (CSS.supports("field-sizing", "content")) return;
  say.style.height = "auto";
  say.style.height = `${say.scrollHeight + 3}px`;
}

say.addEventListener("input", fit);
say.addEventListener("keydown", (event) => {
  // 229: the key belongs to an input method, which confirms characters with Enter.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  sendText();
});
$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  sendText();
});

// Around the log

function showChips(chips) {
  const hadFocus = $("chips").contains(document.activeElement);
  $("chips").replaceChildren(...chips.map(({ id, text: words }) => {
    const button = document.createElement("button");
    button.type = "button";
    button.lang = "zh-CN";
    button.textContent = words;
    button.addEventListener("click", () => conversation.say(words, id));
    return button;
  }));
  $("chips").hidden = chips.length === 0;
  if (hadFocus) say.focus({ preventScroll: true });
}

let quota;
function showQuota(status) {
  quota = status;
  const minutes = Math.floor(parseFloat(quota?.speech_remaining) / 60);
  $("quota").textContent = quota ? text("quota", quota.turns_remaining, minutes) : "";
  $("quota").classList.toggle("warn", Boolean(quota?.warning));
}

let notice;
let noticeTimer;
/** words: a function, for a change of language; undefined: none. One that lasts stays until the next. */
function showNotice(words, lasts = false) {
  clearTimeout(noticeTimer);
  notice = words;
  $("notice").textContent = words?.() ?? "";
  if (words && !lasts) noticeTimer = setTimeout(() => showNotice(undefined), NOTICE_MS);
}

let spokenKey;
let speaking = {};
function showSpeaking(state) {
  speaking = state;
  if (spokenKey) view.mark(spokenKey, false);
  spokenKey = state.blocked ? undefined : state.key;
  if (spokenKey) view.mark(spokenKey, true);
  $("speaking").hidden = !state.key;
  $("speaking-text").textContent = text(state.blocked ? "speechBlocked" : "speakingNow");
  $("speech-play").hidden = !state.blocked;
  $("speech-stop").hidden = Boolean(state.blocked);
}

$("speech-stop").addEventListener("click", () => conversation.bargeIn());
$("speech-play").addEventListener("click", () => speaker.unlock());
for (const kind of ["pointerup", "keydown"]) addEventListener(kind, () => speaker.unlock());

// Settings

function togglePanel(isOpen) {
  $("panel").hidden = !isOpen;
  $("panel-button").ariaExpanded = String(isOpen);
  $("main").inert = isOpen && isNarrow.matches;
  if (isOpen) $("panel-close").focus();
  else $("panel-button").focus();
}
$("panel-button").addEventListener("click", () => togglePanel($("panel").hidden));
$("panel-close").addEventListener("click", () => togglePanel(false));
$("panel").addEventListener("keydown", ({ key }) => key === "Escape" && togglePanel(false));
isNarrow.addEventListener("change", () => ($("main").inert = !$("panel").hidden && isNarrow.matches));

function chooseLanguage(chosen) {
  setLanguage(chosen);
  say.placeholder = text("sayHint");
  const { why } = $("gate-why").dataset;
  $("gate-why").textContent = why ? text(why) : "";
  showState(link.state);
  showQuota(quota);
  showSpeaking(speaking);
  $("notice").textContent = notice?.() ?? "";
  dictation.draw();
  view.redraw();
}

for (const radio of document.querySelectorAll('input[name="language"]')) {
  radio.addEventListener("change", () => {
    remember("language", radio.value);
    chooseLanguage(radio.value);
  });
}
for (const radio of document.querySelectorAll('input[name="size"]')) {
  radio.addEventListener("change", () => {
    remember("size", radio.value);
    document.documentElement.dataset.size = radio.value;
  });
}
$("speech").addEventListener("change", () => {
  session.speech = $("speech").checked;
  speaker.stop();
  if (session.token && !session.legacy) link.open();
});
$("legacy").addEventListener("change", () => {
  session.legacy = $("legacy").checked;
  $("speech").disabled = session.legacy;
  dictation.stop();
  showQuota(undefined);
  if (session.token) conversation.enter();
});
$("conversation-form").addEventListener("submit", (event) => {
  event.preventDefault();
  openConversation($("conversation").value.trim());
});
$("fresh").addEventListener("click", () => openConversation(newId()));
$("end").addEventListener("click", () => conversation.end());
$("forget").addEventListener("click", () => {
  if (!isAllSaved() && !confirm(text("leaveUnsaved"))) return;
  dictation.stop();
  link.close();
  conversation.leave();
  session.token = "";
  shown = undefined;
  frames.clear();
  togglePanel(false);
  openGate();
});

function openConversation(id) {
  if (!id) return;
  if (isNarrow.matches) togglePanel(false);
  if (session.token) enter(id);
  else session.conversation = id;
}

// What is not yet stored would be lost with the page.
addEventListener("beforeunload", (event) => {
  if (!isAllSaved()) event.preventDefault();
});

function isAllSaved() {
  return !dictation.isOn && conversation.isSaved;
}

// Begin

const size = recall("size") ?? "large";
document.documentElement.dataset.size = size;
document.querySelector(`input[name="size"][value="${size === "larger" ? "larger" : "large"}"]`).checked = true;
chooseLanguage(recall("language") ?? "zh");
document.querySelector(`input[name="language"][value="${language()}"]`).checked = true;
$("speech").checked = session.speech;
$("legacy").checked = session.legacy;
$("conversation").value = session.conversation;
if (session.token) start();
else openGate();
