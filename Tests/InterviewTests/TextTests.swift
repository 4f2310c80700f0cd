import Testing

@testable import Interview

@Suite struct TextTests {
  @Test(arguments: [
    (" a ", "a"), ("\u{3000}您好\u{00A0}\n", "您好"), ("", ""), (" \t\u{2003} ", ""), ("a b", "a b"), ("\u{0085}x", "x"),
    ("\u{200B}", "\u{200B}"),
  ])
  func trimmingIsThatOfWhiteSpace(text: String, trimmed: String) {
    #expect(MessageText.trimmed(text) == trimmed)
    #expect(MessageText.isBlank(text) == trimmed.isEmpty)
  }

  @Test func lengthIsCountedInScalars() throws {
    try MessageText.validate("嗯")
    try MessageText.validate("  " + String(repeating: "字", count: 4000) + "  ")
    #expect(throws: MessageText.Refusal.tooLong(scalars: 4001)) {
      try MessageText.validate(String(repeating: "字", count: 4001))
    }
    #expect(throws: MessageText.Refusal.tooLong(scalars: 4004)) {
      try MessageText.validate(String(repeating: "👨‍👩‍👧‍👦", count: 572))
    }
    #expect(throws: MessageText.Refusal.blank) { try MessageText.validate(" \u{3000}\n") }
  }

  @Test(arguments: [
    ("a", ["a"]), ("a[SPLIT]b", ["a", "b"]), (" a \n[SPLIT]\n b ", ["a", "b"]), ("[SPLIT][SPLIT]", []), ("", []),
    ("  ", []),
    ("[SPLIT]a[SPLIT] [SPLIT]b", ["a", "b"]), ("a[SPLIT]b[SPLIT]c[SPLIT]d", ["a", "b", "cd"]),
  ])
  func piecesAreSplit(text: String, pieces: [String]) {
    #expect(Pieces.split(text) == pieces)
  }

  @Test func wordsAreFoundLongestFirst() {
    let table = KeywordTable([("奶奶", 1), ("太奶奶", 2), ("奶", 3)])
    let text = Array("太奶奶和奶奶".unicodeScalars)
    #expect(table.matches(in: text).map(\.value) == [2, 1])
    #expect(table.allMatches(in: text).map(\.value) == [2, 1, 3, 3, 1, 3, 3])
    #expect(!table.contains(Array("爷爷".unicodeScalars)))
  }
}
