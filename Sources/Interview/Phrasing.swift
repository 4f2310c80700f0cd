/// Chooses among equal ways of saying a thing, so that nothing is said twice within a while.
///
/// Dozens of ways are looked for in thousands of bytes, and hardly any is found: `windows` says so without a search.
struct Phrasing: Sendable {
  /// What the interviewer said lately, newest first.
  private let said: [[UInt8]]
  private let windows: ByteWindows
  private let seed: Int

  init(history: [DialogueMessage], seed: Int) {
    said = history.reversed().lazy.filter { $0.role == .agent }.prefix(Limits.phraseMemory).map { Array($0.text.utf8) }
    windows = ByteWindows(of: said)
    self.seed = seed
  }

  /// The variant that was not said for longest; the seed decides among those never said.
  /// - Parameter values: what stands for `{d}`, `{p}`, … in the templates.
  func pick(_ variants: [String], _ values: [String: String] = [:]) -> String {
    guard !variants.isEmpty else { return "" }
    let start = Phrasing.index(seed, of: variants.count)
    let order = variants[start...] + variants[..<start]
    let best = order.first { !wasSaid($0) } ?? order.max { age($0) < age($1) } ?? variants[start]
    return Phrasing.filled(best, values)
  }

  func wasSaid(_ template: String) -> Bool { age(template) < said.count }

  /// A position below `count` for any seed, negative ones too.
  static func index(_ seed: Int, of count: Int) -> Int { ((seed % count) + count) % count }

  /// Whether a literal text stands in one of the interviewer's last messages.
  func mentioned(_ text: String) -> Bool {
    let key = Array(text.utf8)[...]
    return windows.mayContain(key) && said.contains { Phrasing.contains($0, key) }
  }

  /// How many messages ago its wording was used; `said.count` when never.
  private func age(_ template: String) -> Int {
    let key = Phrasing.key(template)
    guard windows.mayContain(key) else { return said.count }
    return said.firstIndex { Phrasing.contains($0, key) } ?? said.count
  }

  /// Comparing bytes is many times faster than comparing characters, and enough: both are the interviewer's own texts.
  private static func contains(_ text: [UInt8], _ key: ArraySlice<UInt8>) -> Bool {
    guard let last = key.last, key.count <= text.count else { return false }
    // The last byte of a Chinese character tells more than its first.
    for end in (key.count - 1)..<text.count where text[end] == last {
      if text[(end - key.count + 1)...end].elementsEqual(key) { return true }
    }
    return false
  }

  /// The longest part without a placeholder, without punctuation at its ends, in UTF-8.
  static func key(_ template: String) -> ArraySlice<UInt8> {
    let text = Array(template.utf8)
    let parts = text.split { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "}") }
    var key = parts.max { $0.count < $1.count } ?? text[...]
    while let mark = marks.first(where: { key.starts(with: $0) }) { key.removeFirst(mark.count) }
    while let mark = marks.first(where: { key.suffix($0.count).elementsEqual($0) }) { key.removeLast(mark.count) }
    return key
  }

  private static let marks = ["，", "。", "？", "！", "、", "“", "”", "…"].map { Array($0.utf8) }

  /// A name between braces stands for its value; one without a value stays as it is.
  static func filled(_ template: String, _ values: [String: String]) -> String {
    guard !values.isEmpty, template.utf8.contains(UInt8(ascii: "{")) else { return template }
    var text = ""
    var rest = template.unicodeScalars[...]
    while let opening = rest.firstIndex(of: "{"), let closing = rest[opening...].firstIndex(of: "}") {
      text += String(rest[..<opening])
      let name = rest.index(after: opening)..<closing
      text += values[String(rest[name])] ?? String(rest[opening...closing])
      rest = rest[rest.index(after: closing)...]
    }
    return text + String(rest)
  }
}
