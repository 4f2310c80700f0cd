/// How long a text takes to be read aloud, about: where no audio tells.
///
/// The figures are of unhurried Mandarin (about 270 characters a minute) and English (about 150 words a minute), with
/// the pauses that engines make at punctuation.
enum SpeakingRate {
  static func duration_ms(of text: some StringProtocol) -> Int64 {
    text.unicodeScalars.reduce(0) { $0 + duration_ms(of: $1) }
  }

  static func duration_ms(of character: Character) -> Int64 {
    character.unicodeScalars.reduce(0) { $0 + duration_ms(of: $1) }
  }

  static func duration_ms(of scalar: Unicode.Scalar) -> Int64 {
    switch scalar.value {
    case 0x30...0x39, 0xFF10...0xFF19: return 220
    case 0x41...0x5A, 0x61...0x7A, 0xC0...0x24F: return 65
    // Kana, ideographs with their extensions, Hangul.
    case 0x3040...0x30FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xAC00...0xD7AF, 0xF900...0xFAFF, 0x20000...0x323AF:
      return 220
    default: break
    }
    if SentenceMarks.isTerminator(scalar) || scalar == "." { return 250 }
    if SentenceMarks.isPause(scalar) { return 150 }
    return scalar.properties.isAlphabetic ? 90 : 0
  }

  /// Whether anything in the text can be read aloud.
  static func isSpeakable(_ text: some StringProtocol) -> Bool {
    text.unicodeScalars.contains { $0.properties.isAlphabetic || $0.properties.numericType != nil }
  }
}
