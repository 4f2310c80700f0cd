import Testing

@testable import Engines

/// What recognisers make up goes; what a person may have said stays.
@Suite struct TranscriptGuardTests {
  static let prompt = "以下是普通话的句子。"

  @Test(arguments: [
    // As it was said.
    ("我小时候住在河边。", "我小时候住在河边。"),
    ("  你好,请问今天的天气怎么样。\n", "你好,请问今天的天气怎么样。"),
    ("Hello, could you tell me?", "Hello, could you tell me?"),
    ("谢谢。", "谢谢。"), ("好，好，好，对对对对。", "好，好，好，对对对对。"),
    ("老师总说谢谢观看，我们就笑。", "老师总说谢谢观看，我们就笑。"), ("哈哈哈哈哈，可不是嘛", "哈哈哈哈哈，可不是嘛"),
    ("好的好的好的好的好的好的", "好的好的好的好的好的好的"),
    ("我们那时候普通话说不好。", "我们那时候普通话说不好。"), ("", ""),
    // Nothing but punctuation.
    ("。", ""), (" ... ", ""), ("♪♪♪", ""),
    // The prompt, whole, part, nearly and before words.
    ("以下是普通话的句子。", ""), ("以下是普通话的句子", ""), ("以下是普通话的句子。以下是普通话的句子。", ""),
    ("以下是普通話的句子", ""), ("是普通话的句子。", ""), ("以下是普通话的句子，我小时候住在河边。", "我小时候住在河边。"),
    // Subtitles.
    ("请不吝点赞 订阅 转发 打赏支持明镜与点点栏目", ""), ("字幕由 Amara.org 社群提供", ""), ("中文字幕志愿者 李宗盛", ""),
    ("优优独播剧场——YoYo Television Series Exclusive", ""), ("谢谢观看", ""), ("谢谢观看！ 谢谢观看！", ""), ("Thanks for watching!", ""),
    ("(音乐)", ""), ("[BLANK_AUDIO]", ""), ("【字幕】", ""),
    ("我们去了超市。请不吝点赞 订阅 转发 打赏支持明镜与点点栏目", "我们去了超市。"),
    ("字幕志愿者 杨茜茜 我们去了超市", "我们去了超市"),
    // Loops.
    (String(repeating: "千", count: 200), ""), (String(repeating: "千 ", count: 30), ""),
    (String(repeating: "我不知道。", count: 12), ""),
    ("那一年" + String(repeating: "千", count: 60), "那一年千千"),
    ("那一年发大水" + String(repeating: "我们跑，", count: 20) + "后来回家了", "那一年发大水我们跑，我们跑，后来回家了"),
  ])
  func cleans(_ text: String, _ expected: String) {
    #expect(TranscriptGuard(prompt: Self.prompt).clean(text, duration_ms: nil) == expected)
  }

  @Test func moreThanCouldBeSaidIsMadeUp() {
    let sentence = "昨天晚上我和妈妈一起去超市买了苹果牛奶和面包还碰到了老邻居聊了好一会儿"
    let cleaner = TranscriptGuard(prompt: "")
    #expect(cleaner.clean(sentence, duration_ms: 1000) == "")
    #expect(cleaner.clean(sentence, duration_ms: 4000) == sentence)
    #expect(cleaner.clean(sentence, duration_ms: nil) == sentence)
    #expect(cleaner.clean("好的", duration_ms: 120) == "好的")
  }

  @Test func aShortPromptMayBeSaid() {
    #expect(TranscriptGuard(prompt: "嗯，好。").clean("嗯，好，我来说。", duration_ms: nil) == "嗯，好，我来说。")
  }

  @Test func withoutAPromptNothingEchoes() {
    #expect(TranscriptGuard(prompt: "").clean("以下是普通话的句子。", duration_ms: nil) == "以下是普通话的句子。")
  }

  /// The longest answer that is read; each took half a minute of a core.
  @Test(arguments: [
    (prompt + "我", 30), ("千", 3), ("字幕由 Amara.org 社群提供。", 35),
    ("ab ", 3), ("千千千千千千千千千万", 30), ("我不知道。我不知道。我不知道。我不知道。嗯，", 69),
  ])
  func longLoopsAreJudgedSoon(_ part: String, _ bytes: Int) {
    let text = String(repeating: part, count: Engines.Limits.transcriptionBytes / bytes)
    let took = ContinuousClock().measure {
      #expect(TranscriptGuard(prompt: Self.prompt).clean(text, duration_ms: 5000) == "")
    }
    #expect(took < .seconds(20), "\(took)")
  }

  @Test func longTextsStayWhole() {
    let text = String(repeating: "那年我们全家从北方搬到了南方，路上走了整整九天九夜。", count: 40)
    let clean = TranscriptGuard(prompt: Self.prompt).clean((0..<200).map { "第\($0)天下雨。" }.joined(), duration_ms: nil)
    #expect(clean.hasPrefix("第0天下雨。") && clean.hasSuffix("第199天下雨。"))
    #expect(TranscriptGuard(prompt: Self.prompt).clean(text, duration_ms: nil).count < 100)
  }
}
