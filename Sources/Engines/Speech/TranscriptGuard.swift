/// Takes out of a transcript what the recogniser made up. Whisper was trained on subtitles, so over silence, music or
/// noise it writes what subtitles hold there; it repeats its prompt when it hears nothing; and it loops.
///
/// Sources: openai/whisper discussion 928, ufal/whisper_streaming issue 179, Purfview/whisper-standalone-win issue 144
/// (subtitlers' credits over silence); echo of the prompt and loops measured with Whisper base (deploy/local-speech).
/// Words that a person may well have said stay: a phrase of thanks goes only when it is all there is.
struct TranscriptGuard: Sendable {
  /// What the engine was given to continue; "" for none.
  let prompt: String

  /// - Parameter duration_ms: of the recording; nil: not known.
  /// - Returns: trimmed; "" when nothing was said.
  func clean(_ text: String, duration_ms: Int64?) -> String {
    var transcript = Transcript(text)
    transcript.removePrompt(Transcript.letters(of: prompt))
    transcript.removeCredits()
    transcript.collapseLoops()
    if transcript.isFarewellOnly { return "" }
    if let duration_ms, transcript.syllables > Self.syllables_max(duration_ms) { return "" }
    return transcript.text
  }

  /// More than anybody says in that time.
  static func syllables_max(_ duration_ms: Int64) -> Int {
    Int(duration_ms * Int64(Limits.syllablesPerSecond) / 1000) + Limits.syllablesSlack
  }
}

/// A text with its letters and digits, and where in it each one stands.
private struct Transcript {
  private var scalars: [Unicode.Scalar]
  /// The letters' places in `scalars`.
  private var places: [Int] = []
  private var letters: [Unicode.Scalar] = []

  private init() { scalars = [] }

  init(_ text: String) {
    scalars = Array(text.unicodeScalars)
    places = scalars.indices.filter { scalars[$0].properties.isAlphabetic || scalars[$0].properties.numericType != nil }
    letters = places.map { scalars[$0].properties.lowercaseMapping.unicodeScalars.first ?? scalars[$0] }
  }

  static func letters(of text: String) -> [Unicode.Scalar] { Transcript(text).letters }

  /// "" when no letter is left: punctuation alone was not said.
  var text: String {
    guard !letters.isEmpty else { return "" }
    var view = scalars[...]
    while let first = view.first, first.properties.isWhitespace { view = view.dropFirst() }
    while let last = view.last, last.properties.isWhitespace { view = view.dropLast() }
    // What stood between two removed parts.
    while let first = view.first, Self.leftovers.contains(first) { view = view.dropFirst() }
    return Self.string(view)
  }

  private static let leftovers = Set("，,。、；;：:！!？? ".unicodeScalars)

  /// A CJK letter is a syllable; a letter of another script about a third of one.
  var syllables: Int {
    let wide = letters.count { $0.value >= 0x2E80 }
    return wide + (letters.count - wide) / 3
  }

  /// Takes letters away, with the punctuation between and right behind them. One pass, however many ranges.
  /// - Parameter ranges: ascending and apart.
  private mutating func remove(_ ranges: [Range<Int>]) {
    guard !ranges.isEmpty else { return }
    var kept = Transcript()
    var letter = 0
    var scalar = 0
    for range in ranges + [places.count..<places.count] {
      let moved = scalar - kept.scalars.count
      kept.scalars += scalars[scalar..<place(range.lowerBound)]
      kept.places += places[letter..<range.lowerBound].map { $0 - moved }
      kept.letters += letters[letter..<range.lowerBound]
      letter = range.upperBound
      scalar = place(range.upperBound)
    }
    self = kept
  }

  private mutating func removeAll() { self = Transcript() }

  /// Where a letter stands in `scalars`; of the one behind the last: their end.
  private func place(_ letter: Int) -> Int { letter < places.count ? places[letter] : scalars.count }

  mutating func removePrompt(_ prompt: [Unicode.Scalar]) {
    // What is shorter may be said.
    guard prompt.count >= Limits.promptLetters_min else { return }
    var echoes = 0
    while letters[echoes...].starts(with: prompt) { echoes += prompt.count }
    if echoes > 0 { remove([0..<echoes]) }
    // Nearly the prompt, or the greater part of it: nobody says that.
    let isPart = letters.count * 2 >= prompt.count && Self.place(of: letters, in: prompt) != nil
    if !letters.isEmpty, isPart || Self.distance(letters, prompt, atMost: prompt.count / 4) {
      removeAll()
    }
  }

  mutating func removeCredits() {
    for credit in Self.credits {
      var found: [Range<Int>] = []
      while let place = Self.place(of: credit, in: letters, from: found.last?.upperBound ?? 0) {
        found.append(place..<place + credit.count)
      }
      remove(found)
    }
    guard letters.count <= Self.soundLetters_max, Self.sounds.contains(Self.string(letters[...])) else { return }
    removeAll()
  }

  /// Shortens what repeats itself more often than people do to a few times; a text that is nothing else goes.
  mutating func collapseLoops() {
    var loops = LoopFinder(letters)
    var removed: [Range<Int>] = []
    var left = letters.count
    var start = 0
    while start < letters.count {
      guard let loop = loops.loop(at: start) else {
        start += 1
        continue
      }
      let end = start + loop.unit * loop.count
      if end - start >= left - loop.unit { return removeAll() }
      let kept = start + loop.unit * Limits.loopKept
      removed.append(kept..<end)
      left -= end - kept
      start = end
    }
    remove(removed)
  }

  /// Once, or a few times over.
  var isFarewellOnly: Bool {
    Self.farewells.contains { farewell in
      !letters.isEmpty && letters.count % farewell.count == 0
        && letters.indices.allSatisfy { letters[$0] == farewell[$0 % farewell.count] }
    }
  }

  private static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    var text = ""
    text.unicodeScalars.append(contentsOf: scalars)
    return text
  }

  private static func place(of part: [Unicode.Scalar], in whole: [Unicode.Scalar], from: Int = 0) -> Int? {
    guard !part.isEmpty, part.count <= whole.count - from else { return nil }
    return (from...whole.count - part.count).first { start in
      whole[start] == part[0] && whole[start..<start + part.count].elementsEqual(part)
    }
  }

  /// Whether so few insertions, deletions and substitutions make one the other (Levenshtein).
  private static func distance(_ one: [Unicode.Scalar], _ other: [Unicode.Scalar], atMost limit: Int) -> Bool {
    guard abs(one.count - other.count) <= limit else { return false }
    var row = Array(0...other.count)
    for (index, scalar) in one.enumerated() {
      var diagonal = row[0]
      row[0] = index + 1
      for column in other.indices {
        let substituted = diagonal + (scalar == other[column] ? 0 : 1)
        diagonal = row[column + 1]
        row[column + 1] = min(substituted, row[column] + 1, diagonal + 1)
      }
    }
    return row[other.count] <= limit
  }

  /// Credits of subtitles, which nobody says aloud: they go wherever they stand. Longer ones first.
  private static let credits = [
    "请不吝点赞订阅转发打赏支持明镜与点点栏目", "請不吝點贊訂閱轉發打賞支持明鏡與點點欄目",
    "明镜需要您的支持欢迎订阅明镜", "明鏡需要您的支持歡迎訂閱明鏡",
    "优优独播剧场YoYoTelevisionSeriesExclusive", "優優獨播劇場YoYoTelevisionSeriesExclusive",
    "字幕由Amara.org社区提供", "字幕由Amara.org社群提供", "Subtitles by the Amara.org community",
    "中文字幕志愿者李宗盛", "中文字幕志愿者杨茜茜", "字幕志愿者李宗盛", "字幕志愿者杨茜茜", "字幕志願者李宗盛", "字幕志願者楊茜茜",
    "字幕by索兰娅", "字幕by索蘭婭", "字幕製作貝爾", "字幕制作贝尔", "ご視聴ありがとうございました",
  ].map(letters(of:))

  /// Descriptions of sounds, when they are all there is.
  private static let sounds: Set = [
    "音乐", "音樂", "掌声", "掌聲", "笑声", "笑聲", "鼓掌", "music", "applause", "laughter", "blankaudio", "silence", "字幕",
    "中文字幕",
  ]

  private static let soundLetters_max = sounds.map(\.unicodeScalars.count).max() ?? 0

  /// What videos end with, when it is all there is.
  private static let farewells = [
    "谢谢观看", "謝謝觀看", "感谢观看", "感謝觀看", "谢谢大家观看", "感谢大家观看", "感谢您的观看", "感謝您的觀看", "谢谢观赏", "謝謝觀賞", "谢谢收看", "謝謝收看",
    "感谢收看", "感謝收看", "谢谢大家收看", "感谢您的收看", "谢谢收听", "感谢收听", "请订阅", "请订阅我的频道", "下期再见", "我们下期再见", "thanks for watching",
    "thank you for watching", "please subscribe",
  ].map(letters(of:))
}
