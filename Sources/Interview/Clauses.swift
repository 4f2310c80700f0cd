/// Cuts spoken text into clauses.
enum Clauses {
  /// Split at punctuation and white space; without empty clauses.
  static func split(_ text: String) -> [[Unicode.Scalar]] {
    text.unicodeScalars.split(whereSeparator: isBoundary).map(Array.init)
  }

  static func isBoundary(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "，", "。", "！", "？", "；", "：", "、", "…", "—", "～", ",", ".", "!", "?", ";", ":", "~", "“", "”", "\"", "‘", "’",
      "「", "」", "(", ")", "（", "）", "《", "》":
      true
    default: scalar.properties.isWhitespace
    }
  }

  /// Characters that carry words: no punctuation, no white space.
  static func wordCount(_ text: String) -> Int {
    text.unicodeScalars.reduce(0) { isBoundary($1) ? $0 : $0 + 1 }
  }
}
