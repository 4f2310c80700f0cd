/// Finds what a text repeats in a row, asked from its beginning to its end. Linear in the text: for each length of the
/// repeated part it knows up to where the text equals itself so many letters further on.
struct LoopFinder {
  private let letters: [Unicode.Scalar]
  /// Of each unit, from 1: the first letter, not before the last question's, that differs from the one a unit behind it.
  private var ends: [Int]

  init(_ letters: [Unicode.Scalar]) {
    self.letters = letters
    ends = Array(repeating: 0, count: Limits.loopUnit + 1)
  }

  /// What is repeated there more often than people do, the shortest part of it.
  /// - Parameter start: no less than in the question before.
  mutating func loop(at start: Int) -> (unit: Int, count: Int)? {
    for unit in 1...Limits.loopUnit {
      guard start + 2 * unit <= letters.count else { return nil }
      var end = max(ends[unit], start)
      while end + unit < letters.count, letters[end] == letters[end + unit] { end += 1 }
      ends[unit] = end
      let count = 1 + (end - start) / unit
      let threshold = unit == 1 ? Limits.loopOfOne : max(Limits.loopOfMany, Limits.loopLetters / unit)
      if count >= threshold { return (unit, count) }
    }
    return nil
  }
}
