/// The punctuation that divides spoken text, Chinese and Western.
enum SentenceMarks {
  /// Ends a sentence wherever it stands. The full stop of ASCII is not among them: it has other uses.
  static func isTerminator(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "。", "！", "？", "；", "…", "!", "?", ";", "．", "｡", "‼", "⁇", "⁈", "⁉", "\n", "\r", "\u{2028}", "\u{2029}": true
    default: false
    }
  }

  /// Divides a sentence.
  static func isPause(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "，", "、", "：", ",", ":", "—", "–", "～", "､": true
    default: false
    }
  }

  /// Stays with the sentence before it.
  static func isClosing(_ character: Character) -> Bool {
    switch character {
    case "”", "’", "」", "』", "）", ")", "]", "】", "》", "〉", "}", "｝", "］", "〕", "»": true
    default: false
    }
  }

  static func isTerminator(_ character: Character) -> Bool {
    character.unicodeScalars.first.map(isTerminator) ?? false
  }

  static func isPause(_ character: Character) -> Bool { character.unicodeScalars.first.map(isPause) ?? false }

  /// Words whose full stop never ends a sentence, since a name or number follows; in lower case, without the last stop.
  static let titles: Set<String> = [
    "mr", "mrs", "ms", "dr", "prof", "st", "rev", "gen", "col", "capt", "lt", "sgt", "gov", "hon", "vol", "vs", "e.g",
    "i.e",
    "cf", "fig", "figs", "pp", "eds", "approx", "jan", "feb", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov",
    "dec",
  ]

  /// Words whose full stop ends a sentence only when a capital letter follows.
  static let abbreviations: Set<String> = [
    "etc", "al", "inc", "ltd", "co", "corp", "dept", "est", "sr", "jr", "a.m", "p.m", "u.s", "u.k", "ph.d",
  ]
}
