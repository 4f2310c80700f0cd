// What people read, in both languages. A value may take arguments: text("count", 3).

const zh = {
  title: "讲讲您的故事 · Life Echo",
  name: "讲讲您的故事",
  skip: "跳到输入框",
  settings: "设置",
  close: "关闭",
  talk: "对话",
  log: "对话内容",
  logScroll: "对话内容，可以滚动",

  gateTitle: "请先输入口令",
  gateToken: "访问口令",
  gateHelp: "口令由工作人员给您，只留在这个页面里，关掉页面就忘记。",
  gateEnter: "进入",
  gateRefused: "进不去：口令可能不对，也可能服务正忙。请检查口令，或者稍后再试。",
  gateExpired: "口令已经过期，请换一个新的。您说过的话都已保存。",

  connecting: "正在连接…",
  connected: "已连接",
  offline: "没有网络",
  waiting: "连接断开，正在重连",
  closed: "未连接",
  refused: "不能进入",
  goingAway: "服务正在更新，马上自动重连。",
  goodbye: "这次对话已结束。您再说一句，就会接着聊。",
  restored: "连接已恢复，一句都没有丢。",
  historyGap: "对话记录有变动，已从头重新取得。",

  agent: "访谈员",
  me: "您",
  otherDevice: "您（另一台设备）",
  says: (who) => `${who}说：`,
  sending: "正在发送…",
  unsent: "连上后自动发送",
  sent: "已保存",
  notSent: "没有发出去",
  again: "再试一次",
  thinking: "访谈员正在想…",

  chips: "可以聊的话题",
  say: "想说的话",
  sayHint: "写下您想说的话",
  send: "发送",
  keys: "按回车发送，Shift+回车换行。",
  newest: "看最新的话",
  tooLong: (limit) => `一次最多 ${limit} 个字，请分几次发。`,

  record: "按这里说话",
  recordStop: "说完了",
  recordStarting: "正在打开麦克风…",
  recordingOn: "正在听您说",
  recordingSaved: (saved, total) => `录音已保存 ${saved}/${total} 段`,
  recordingLost: "连接断开，录音先留在这里，连上后补发",
  recordingKept: "录音没有发出去，先留在这个页面里，有了额度可以再发",
  transcribing: "正在把录音变成文字…",
  heardNothing: "没有听清，您可以再说一遍，或者打字。",
  listening: "访谈员在听",
  level: "音量",
  micDenied: "麦克风没有打开。请在浏览器里允许使用麦克风，或者打字。",
  micMissing: "没有找到麦克风，您可以打字。",
  micInsecure: "这个地址不是 https，浏览器不让用麦克风。您可以打字。",
  micBroken: "麦克风出了问题，已录下的部分会照常发送。",

  transcriptionFailed: "这段录音没能变成文字，录音已经留着。您可以再说一遍，或者打字。",
  engineMissing: "这台服务器没有语音识别，录音已经留着。请您打字。",
  turnFailed: "刚才没有回答成功，您说的话已经保存。请再说一句，或稍后再试。",
  problem: "出了点小问题，请再试一次。",
  deleted: "这个对话已经删除。请换一个新的对话。",
  forbidden: "这个对话是别人的，不能打开。",
  userUnknown: "没有这个用户，不能打开对话。",
  notOpened: "这个对话不能打开。请换一个新的对话。",
  overQuota: "今天的次数已经用完，明天再聊吧。",
  quota: (turns, minutes) => `今天还可以聊 ${turns} 次，说 ${minutes} 分钟。`,

  speakingNow: "正在读给您听",
  speechBlocked: "回答可以读给您听",
  speechPlay: "读给我听",
  speechStop: "停止朗读",
  speech: "把回答读给我听",

  language: "语言 · Language",
  size: "字的大小",
  sizeLarge: "大",
  sizeLarger: "特大",
  legacy: "像旧手机一样连接",
  legacyHelp: "用旧协议：没有朗读，断线后不补发。给开发人员比较用。",
  conversation: "对话编号",
  open: "打开",
  fresh: "新的对话",
  end: "结束这次对话",
  forget: "退出",
  leaveUnsaved: "还有话没有存好，现在退出就没有了。真的退出吗？",
  frames: "原始消息（开发用）",
  framesHelp: "这里是和服务器来往的每一条消息，不含口令；录音只显示长度。",
  framesPause: "暂停",
  framesCopy: "复制",
  framesClear: "清空",
};

const en = {
  title: "Tell your story · Life Echo",
  name: "Tell your story",
  skip: "Skip to the text field",
  settings: "Settings",
  close: "Close",
  talk: "Conversation",
  log: "What was said",
  logScroll: "What was said, scrolls",

  gateTitle: "Please enter your token first",
  gateToken: "Access token",
  gateHelp: "You were given it by staff. It stays in this page only and is forgotten when you close it.",
  gateEnter: "Enter",
  gateRefused: "Not let in: the token may be wrong, or the service is busy. Please check it, or try again later.",
  gateExpired: "The token has expired; please enter a new one. Everything you said is saved.",

  connecting: "Connecting…",
  connected: "Connected",
  offline: "No network",
  waiting: "Disconnected, trying again",
  closed: "Not connected",
  refused: "Not let in",
  goingAway: "The service is being updated; it reconnects by itself in a moment.",
  goodbye: "This conversation has ended. Say something and it goes on.",
  restored: "Connected again; nothing was lost.",
  historyGap: "The record changed; it was fetched again from the start.",

  agent: "Interviewer",
  me: "You",
  otherDevice: "You (another device)",
  says: (who) => `${who}: `,
  sending: "Sending…",
  unsent: "Will be sent when connected",
  sent: "Saved",
  notSent: "Not sent",
  again: "Try again",
  thinking: "The interviewer is thinking…",

  chips: "Topics to talk about",
  say: "What you want to say",
  sayHint: "Write here",
  send: "Send",
  keys: "Enter sends, Shift+Enter starts a new line. ",
  newest: "See the latest",
  tooLong: (limit) => `At most ${limit} characters at once; please send it in parts.`,

  record: "Press to talk",
  recordStop: "I'm done",
  recordStarting: "Opening the microphone…",
  recordingOn: "Listening to you",
  recordingSaved: (saved, total) => `Recording saved: ${saved} of ${total} parts`,
  recordingLost: "Disconnected; the recording stays here and is sent once connected",
  recordingKept: "The recording was not sent; it stays in this page, and can be sent when there is quota again",
  transcribing: "Turning the recording into text…",
  heardNothing: "That was not understood. Please say it again, or type.",
  listening: "The interviewer is listening",
  level: "Loudness",
  micDenied: "The microphone is off. Please allow it in the browser, or type.",
  micMissing: "No microphone was found; you can type.",
  micInsecure: "This address is not https, so the browser keeps the microphone off. You can type.",
  micBroken: "The microphone failed; what was recorded is sent as usual.",

  transcriptionFailed: "This recording could not be turned into text; it is kept. Please say it again, or type.",
  engineMissing: "This server cannot turn speech into text; the recording is kept. Please type.",
  turnFailed: "There was no answer this time; what you said is saved. Say something more, or try again later.",
  problem: "Something went wrong; please try again.",
  deleted: "This conversation was deleted. Please start a new one.",
  forbidden: "This conversation belongs to somebody else and cannot be opened.",
  userUnknown: "There is no such user; the conversation cannot be opened.",
  notOpened: "This conversation cannot be opened. Please start a new one.",
  overQuota: "That was all for today; let's go on tomorrow.",
  quota: (turns, minutes) => `Left for today: ${turns} messages, ${minutes} min of speech.`,

  speakingNow: "Reading aloud",
  speechBlocked: "It can be read aloud",
  speechPlay: "Play",
  speechStop: "Stop",
  speech: "Read answers aloud",

  language: "语言 · Language",
  size: "Text size",
  sizeLarge: "Large",
  sizeLarger: "Larger",
  legacy: "Connect like an old phone",
  legacyHelp: "The legacy protocol: no speech, nothing is resumed. For developers to compare.",
  conversation: "Conversation id",
  open: "Open",
  fresh: "New conversation",
  end: "End this conversation",
  forget: "Sign out",
  leaveUnsaved: "Something is not saved yet and would be lost. Sign out all the same?",
  frames: "Raw frames (for developers)",
  framesHelp: "Every frame sent and received, without the token; audio is shown by its length.",
  framesPause: "Pause",
  framesCopy: "Copy",
  framesClear: "Clear",
};

const catalogues = { zh, en };
let current = "zh";

/** The text of that name in the chosen language. */
export function text(name, ...values) {
  const found = catalogues[current][name];
  return typeof found === "function" ? found(...values) : found;
}

export function language() {
  return current;
}

/** Changes the language of everything that is marked with data-text or data-label. */
export function setLanguage(chosen) {
  current = chosen in catalogues ? chosen : "zh";
  document.documentElement.lang = current === "zh" ? "zh-CN" : "en";
  document.title = text("title");
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
  for (const element of document.querySelectorAll("[data-label]")) element.ariaLabel = text(element.dataset.label);
}
