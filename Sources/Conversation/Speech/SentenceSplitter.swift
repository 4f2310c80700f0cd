/// Cuts what the interviewer says into sentences, each of which is synthesised on its own (design §7, Speech out).
///
/// The sentences joined are the text again, white space included. Too short ones are joined with a neighbour, too long
/// ones are cut at commas, else at white space, else anywhere between characters.
enum SentenceSplitter {
  static func sentences(in text: String) -> [String] {
    let characters = Array(text)
    return joinShort(cutAtTerminators(characters).flatMap(cutLong), of: characters).map { String($0) }
  }

  // MARK: Terminators

  private static func cutAtTerminators(_ text: [Character]) -> [ArraySlice<Character>] {
    var sentences: [ArraySlice<Character>] = []
    var start = 0
    var index = 0
    var isQuoted = false
    while index < text.count {
      let character = text[index]
      if character == "\"" { isQuoted.toggle() }
      guard ends(text, at: index, sentenceStart: start) else {
        index += 1
        continue
      }
      index += 1
      // What belongs to the end: more terminators, closing marks, and the space that follows.
      while index < text.count {
        let next = text[index]
        if SentenceMarks.isTerminator(next) || next == "." || SentenceMarks.isClosing(next) || next.isWhitespace {
          index += 1
        } else if next == "\"", isQuoted {
          isQuoted = false
          index += 1
        } else {
          break
        }
      }
      sentences.append(text[start..<index])
      start = index
    }
    if start < text.count { sentences.append(text[start...]) }
    return sentences
  }

  private static func ends(_ text: [Character], at index: Int, sentenceStart: Int) -> Bool {
    let character = text[index]
    if character == "." { return stopEnds(text, at: index, sentenceStart: sentenceStart) }
    return SentenceMarks.isTerminator(character)
  }

  /// Whether a full stop of ASCII ends a sentence: not in 3.14, example.com, Dr. Wang, J. Wang, and "1. first".
  private static func stopEnds(_ text: [Character], at index: Int, sentenceStart: Int) -> Bool {
    let next = index + 1 < text.count ? text[index + 1] : nil
    guard let next else { return true }
    if next == "." { return true }
    let word = word(before: index, in: text, from: sentenceStart)
    guard next.isWhitespace || SentenceMarks.isClosing(next) || next == "\"" || next == "'" else {
      // Chinese written with Western stops.
      return isIdeographic(next) && (word.last.map(isIdeographic) ?? true)
    }
    guard let first = word.first else { return true }
    if index - word.count == sentenceStart, word.allSatisfy(\.isNumber) { return false }
    if word.count == 1, first.isLetter, first.isASCII, first != "I" { return false }
    let name = String(word).lowercased()
    if SentenceMarks.titles.contains(name) { return false }
    guard name == "no" || name == "nos" || SentenceMarks.abbreviations.contains(name) else { return true }
    guard let following = text[(index + 1)...].first(where: { !$0.isWhitespace }) else { return true }
    return name.hasPrefix("no") ? !following.isNumber : following.isUppercase || isIdeographic(following)
  }

  private static func word(before index: Int, in text: [Character], from start: Int) -> ArraySlice<Character> {
    var first = index
    while first > start, !text[first - 1].isWhitespace, !isOpening(text[first - 1]),
      index - first < Limits.abbreviationCharacters
    {
      first -= 1
    }
    return text[first..<index]
  }

  private static func isOpening(_ character: Character) -> Bool {
    switch character {
    case "(", "（", "“", "‘", "\"", "「", "『", "[", "【", "《": true
    default: false
    }
  }

  private static func isIdeographic(_ character: Character) -> Bool {
    character.unicodeScalars.first?.properties.isIdeographic ?? false
  }

  // MARK: Length

  /// Cut where it exceeds the longest sentence: at the last comma that fits, else at the last space, else there.
  private static func cutLong(_ sentence: ArraySlice<Character>) -> [ArraySlice<Character>] {
    var parts: [ArraySlice<Character>] = []
    var rest = sentence
    while let limit = overflow(of: rest) {
      let head = rest[..<limit]
      let cut =
        head.lastIndex(where: SentenceMarks.isPause).map { end(ofPauseAt: $0, in: rest) }
        ?? head.lastIndex(where: \.isWhitespace).map { $0 + 1 } ?? limit
      // What would be a tiny head is not worth a breath: cut where it overflows.
      let place = cut > rest.startIndex && !isShort(rest[..<cut]) ? cut : limit
      parts.append(rest[..<place])
      rest = rest[place...]
    }
    parts.append(rest)
    return parts.filter { !$0.isEmpty }
  }

  /// Past the pause, what closes it, and the space after it; never past the limit's own character.
  private static func end(ofPauseAt index: Int, in text: ArraySlice<Character>) -> Int {
    var end = index + 1
    while end < text.endIndex,
      SentenceMarks.isPause(text[end]) || SentenceMarks.isClosing(text[end]) || text[end].isWhitespace
    {
      end += 1
    }
    return end
  }

  /// Where the text becomes longer than the longest sentence; `nil`: it fits.
  private static func overflow(of text: ArraySlice<Character>) -> Int? {
    var duration_ms: Int64 = 0
    var count = 0
    for index in text.indices {
      duration_ms += SpeakingRate.duration_ms(of: text[index])
      count += 1
      if duration_ms > Limits.sentenceMaximum_ms || count > Limits.sentenceCharacters {
        return index > text.startIndex ? index : index + 1
      }
    }
    return nil
  }

  private static func duration_ms(_ text: ArraySlice<Character>) -> Int64 {
    text.reduce(0) { $0 + SpeakingRate.duration_ms(of: $1) }
  }

  private static func isShort(_ text: ArraySlice<Character>) -> Bool {
    duration_ms(text) < Limits.sentenceMinimum_ms || !text.contains { SpeakingRate.isSpeakable(String($0)) }
  }

  /// Too short ones go with the next sentence; the last one, and what cannot be spoken, with the one before it.
  private static func joinShort(
    _ sentences: [ArraySlice<Character>], of whole: [Character]
  ) -> [ArraySlice<Character>] {
    var joined: [ArraySlice<Character>] = []
    for sentence in sentences {
      if let last = joined.last, isShort(last) || isUnspeakable(sentence), fits(last, sentence) {
        joined[joined.count - 1] = whole[last.startIndex..<sentence.endIndex]
      } else {
        joined.append(sentence)
      }
    }
    if joined.count > 1, let last = joined.last, isShort(last), fits(joined[joined.count - 2], last) {
      joined.removeLast()
      joined[joined.count - 1] = whole[joined[joined.count - 1].startIndex..<last.endIndex]
    }
    return joined
  }

  private static func isUnspeakable(_ text: ArraySlice<Character>) -> Bool {
    !text.contains { SpeakingRate.isSpeakable(String($0)) }
  }

  private static func fits(_ first: ArraySlice<Character>, _ second: ArraySlice<Character>) -> Bool {
    duration_ms(first) + duration_ms(second) <= Limits.sentenceMaximum_ms
      && first.count + second.count <= Limits.sentenceCharacters
  }
}
