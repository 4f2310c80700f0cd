import TestSupport
import Testing

@testable import Conversation

@Suite("Speech: cutting text into sentences")
struct SpeechSentenceTests {
  @Test(
    "punctuation",
    arguments: [
      // Chinese.
      ("您小时候住在哪儿？那时候家里有谁？", ["您小时候住在哪儿？", "那时候家里有谁？"]),
      ("河边的老屋我记得。门口还有一棵槐树！", ["河边的老屋我记得。", "门口还有一棵槐树！"]),
      ("先说说河边的事；再说说老屋的事。", ["先说说河边的事；", "再说说老屋的事。"]),
      ("那时候日子过得苦……后来慢慢就好了。", ["那时候日子过得苦……", "后来慢慢就好了。"]),
      ("您真的去过北京吗？！那可真不容易。", ["您真的去过北京吗？！", "那可真不容易。"]),
      ("他说：“今天不去上学了。”您怎么回答的呢？", ["他说：“今天不去上学了。”", "您怎么回答的呢？"]),
      ("（那一年您才十六岁。）后来您去了哪里？", ["（那一年您才十六岁。）", "后来您去了哪里？"]),
      ("她问「你吃过饭没有？」我记得很清楚。", ["她问「你吃过饭没有？」", "我记得很清楚。"]),
      ("那时候只有三点五元．后来涨了不少钱。", ["那时候只有三点五元．", "后来涨了不少钱。"]),
      ("第一行说的是童年\n第二行说的是工作", ["第一行说的是童年\n", "第二行说的是工作"]),
      ("我们今天聊到这里.您早点休息吧.", ["我们今天聊到这里.", "您早点休息吧."]),
      // Western.
      ("That is a lovely story. Who was there with you?", ["That is a lovely story. ", "Who was there with you?"]),
      (
        "Dr. Wang met Mrs. Li in the old hospital. They talked.",
        ["Dr. Wang met Mrs. Li in the old hospital. ", "They talked."]
      ),
      (
        "It cost about 3.14 yuan a month. Was that a lot then?",
        ["It cost about 3.14 yuan a month. ", "Was that a lot then?"]
      ),
      (
        "He lived in No. 5 of that small street. I remember.",
        ["He lived in No. 5 of that small street. ", "I remember."]
      ),
      (
        "Bread, rice, oil, etc. were rationed in those years.", ["Bread, rice, oil, etc. were rationed in those years."]
      ),
      (
        "Look at example.com for the photographs of the house.",
        ["Look at example.com for the photographs of the house."]
      ),
      (
        "She said \"I will not leave the house.\" Then she left it.",
        ["She said \"I will not leave the house.\" ", "Then she left it."]
      ),
      ("1. Where were you born, and when was that exactly?", ["1. Where were you born, and when was that exactly?"]),
      ("J. K. Chen was the teacher of the village school.", ["J. K. Chen was the teacher of the village school."]),
      ("Well... I do not remember that so well any more.", ["Well... ", "I do not remember that so well any more."]),
      (
        "We met at the station in the U.S. Later we married there.",
        ["We met at the station in the U.S. ", "Later we married there."]
      ),
      // Short ones are joined.
      ("好。那我们接着说。", ["好。那我们接着说。"]),
      ("嗯！好！真好！", ["嗯！好！真好！"]),
      ("那时候家里有谁？是吗？", ["那时候家里有谁？是吗？"]),
      ("您慢慢说吧，我听着呢。……", ["您慢慢说吧，我听着呢。……"]),
      ("您慢慢说吧，我听着呢。🙂", ["您慢慢说吧，我听着呢。🙂"]),
      // Nothing to cut.
      ("", []), ("您好", ["您好"]), ("……", ["……"]), (" \n ", [" \n "]),
    ] as [(String, [String])])
  func punctuation(text: String, sentences: [String]) {
    #expect(SentenceSplitter.sentences(in: text) == sentences)
  }

  @Test("a very long sentence is cut at a comma")
  func long() {
    let clause = "那时候我们住在河边的老屋里面每天都要去河边挑水"
    let parts = SentenceSplitter.sentences(in: Array(repeating: clause, count: 6).joined(separator: "，") + "。")
    #expect(parts.count >= 2)
    for part in parts.dropLast() { #expect(part.hasSuffix("，"), "\(part)") }
  }

  @Test("without a comma at a space, without a space anywhere; a grapheme is never cut", arguments: [" ", "", "👩‍👩‍👧‍👦"])
  func veryLong(separator: String) {
    let text = Array(repeating: "wonderful", count: 80).joined(separator: separator)
    let parts = SentenceSplitter.sentences(in: text)
    #expect(parts.count >= 3 && parts.joined() == text)
    if separator == " " { for part in parts.dropLast() { #expect(part.hasSuffix(" ")) } }
    #expect(!parts.contains { $0.hasPrefix("\u{200D}") || $0.hasSuffix("\u{200D}") })
  }

  /// Random texts over everything that means something to the splitter.
  @Test("joined, the sentences are the text; each is bounded", arguments: 0..<40)
  func property(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let alphabet = [
      "我", "河", "边", "老", "a", "B", "3", " ", "\n", "。", "！", "？", "；", "…", "，", "、", ",", ".", "!", "?", "\"", "”",
      "“",
      "）", "（", "Dr", "U.S", "🙂", "é", "\u{301}",
    ]
    for _ in 0..<50 {
      let text = (0..<Int.random(in: 0...400, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? "" }
        .joined()
      let parts = SentenceSplitter.sentences(in: text)
      #expect(parts.joined() == text, "seed \(seed)")
      #expect(!parts.contains(""))
      for part in parts {
        #expect(part.count <= Limits.sentenceCharacters)
        #expect(
          part.count == 1 || SpeakingRate.duration_ms(of: part) <= Limits.sentenceMaximum_ms, "seed \(seed): \(part)")
      }
    }
  }
}

@Suite("Speech: how much was heard")
struct SpokenReplyTests {
  private static func reply(_ pieces: [[(String, Int64?)]]) -> SpokenReply {
    SpokenReply(
      turn: "t", sequence: 1,
      pieces: pieces.map { $0.map { SpokenReply.Sentence(text: $0, duration_ms: $1) } })
  }

  @Test(
    "sentences and clauses that were played",
    arguments: [
      (0, ""), (100, ""), (1_700, "河边真好，"), (2_000, "河边真好，"), (3_200, "河边真好，我也想去看看，"),
      (4_000, "河边真好，我也想去看看，真的。"), (5_600, "河边真好，我也想去看看，真的。"),
      (6_000, "河边真好，我也想去看看，真的。那时候呢？"), (6_500, "河边真好，我也想去看看，真的。那时候呢？"),
      (9_000, "河边真好，我也想去看看，真的。那时候呢？\n家里有谁？"), (3_600_000, "河边真好，我也想去看看，真的。那时候呢？\n家里有谁？"),
    ] as [(Int64, String)])
  func positions(heard_ms: Int64, text: String) {
    let reply = Self.reply([
      [("河边真好，我也想去看看，真的。", 4_000), ("那时候呢？", 2_000)], [("家里有谁？", 3_000)],
    ])
    #expect(reply.heardText(after: heard_ms) == text)
  }

  @Test("what is before the piece that the playing began with was heard")
  func fromPiece() {
    let reply = Self.reply([[("河边真好。", 4_000)], [("那时候呢？", 2_000), ("家里有谁？", 3_000)], [("后来呢？", 1_000)]])
    #expect(reply.heardText(after: 0, from: 1) == "河边真好。")
    #expect(reply.heardText(after: 2_000, from: 1) == "河边真好。\n那时候呢？")
    #expect(reply.heardText(after: 1_000, from: 2) == "河边真好。\n那时候呢？家里有谁？\n后来呢？")
    #expect(reply.heardText(after: 0, from: 7) == "河边真好。\n那时候呢？家里有谁？\n后来呢？")
  }

  @Test("without known durations, as people speak; what was not read aloud takes no time")
  func estimates() {
    let unknown = Self.reply([[("河边真好。", nil), ("那时候家里有谁？", nil)]])
    #expect(unknown.heardText(after: 1_130) == "河边真好。")
    #expect(unknown.heardText(after: 20_000) == "河边真好。那时候家里有谁？")
    let silent = Self.reply([[("河边真好。", 1_000), ("引擎坏了。", 0)], [("家里有谁？", 1_000)]])
    #expect(silent.heardText(after: 1_900) == "河边真好。引擎坏了。\n家里有谁？")
  }

  @Test("a reply of another server is cut by its text alone")
  func texts() {
    let reply = SpokenReply(turn: "t", sequence: 1, texts: ["河边的老屋我记得。门口还有一棵槐树！", "后来呢？"])
    #expect(reply.pieces.map(\.count) == [2, 1])
    #expect(reply.heardText(after: 2_000) == "河边的老屋我记得。")
  }

  @Test("what was heard grows with the position, and is always the beginning of the text", arguments: 0..<20)
  func monotonic(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let clauses = ["河边真好", "我也想去", "那时候呢", "Dr. Wang", "嗯", "3.14"]
    let marks = ["，", "。", "？", "……", "！”", ", ", ". "]
    let pieces = (0..<3).map { _ in
      (0..<Int.random(in: 1...6, using: &random)).map { _ in
        (clauses.randomElement(using: &random) ?? "") + (marks.randomElement(using: &random) ?? "")
      }.joined()
    }
    let reply = SpokenReply(turn: nil, sequence: 1, texts: pieces)
    let whole = pieces.joined(separator: "\n")
    var before = ""
    for heard_ms in stride(from: Int64(0), through: 40_000, by: 250) {
      let text = reply.heardText(after: heard_ms)
      #expect(whole.hasPrefix(text) && text.hasPrefix(before), "seed \(seed), \(heard_ms) ms")
      before = text
    }
  }
}

@Suite("Speech: how long audio is")
struct AudioDurationTests {
  private static func wav(seconds: Int, rate: UInt32 = 16_000, size: UInt32? = nil) -> [UInt8] {
    func little(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
    let data = [UInt8](repeating: 0, count: seconds * Int(rate) * 2)
    return Array("RIFF".utf8) + little(0xffff_ffff) + Array("WAVEfmt ".utf8) + little(16) + [1, 0, 1, 0] + little(rate)
      + little(rate * 2) + [2, 0, 16, 0] + Array("LIST".utf8) + little(3) + [1, 2, 3, 0] + Array("data".utf8)
      + little(size ?? UInt32(data.count)) + data
  }

  @Test("WAV, also when the engine did not know the size", arguments: [nil, 0, 0xffff_ffff] as [UInt32?])
  func wav(size: UInt32?) {
    #expect(AudioDuration.milliseconds(of: Self.wav(seconds: 3, size: size), format: .wav) == 3_000)
  }

  @Test(
    "MP3 frames",
    arguments: [
      // MPEG-1 at 44.1 kHz, MPEG-2 at 22.05 kHz, MPEG-2.5 at 8 kHz.
      ([0xff, 0xfb, 0x90, 0x00], 26), ([0xff, 0xf3, 0x40, 0xc4], 26), ([0xff, 0xe3, 0x18, 0xc4], 72),
    ] as [([UInt8], Int64)])
  func mp3(header: [UInt8], duration_ms: Int64) throws {
    let one = try #require(AudioDuration.milliseconds(of: header + [UInt8](repeating: 0, count: 1_500), format: .mp3))
    #expect(one == duration_ms)
  }

  @Test("junk has no duration, and does no harm", arguments: [SpeechFormat.mp3, .wav])
  func junk(format: SpeechFormat) {
    var random = SeededGenerator(seed: 7)
    for size in [0, 1, 3, 9, 12, 43, 44, 200] {
      for prefix in [[], Array("RIFF\0\0\0\0WAVEfmt ".utf8), Array("ID3".utf8), Array("RIFF\0\0\0\0WAVEdata".utf8)] {
        let bytes = prefix + (0..<size).map { _ in UInt8.random(in: 0...254, using: &random) & 0x7f }
        #expect((AudioDuration.milliseconds(of: bytes, format: format) ?? 0) >= 0)
      }
    }
    #expect(AudioDuration.milliseconds(of: Array("nothing".utf8), format: format) == nil)
  }
}
