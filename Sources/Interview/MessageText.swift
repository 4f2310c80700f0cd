/// What counts as a message a person can send (design §7, SendText).
package enum MessageText {
  package enum Refusal: Error, Equatable, Sendable {
    /// Nothing but white space.
    case blank
    /// More than `Limits.messageScalars` Unicode scalars after trimming.
    case tooLong(scalars: Int)
    /// More than `Limits.message_bytes` bytes of UTF-8, white space included.
    case tooLarge
  }

  /// Without the leading and trailing scalars that have the Unicode property White_Space.
  package static func trimmed(_ text: String) -> String {
    let scalars = text.unicodeScalars
    guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
      let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
    else { return "" }
    if first == scalars.startIndex, scalars.index(after: last) == scalars.endIndex { return text }
    return String(scalars[first...last])
  }

  package static func isBlank(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy { $0.properties.isWhitespace }
  }

  /// PostgreSQL takes no U+0000, and nobody says it; an engine's answer may hold it.
  package static func withoutNUL(_ text: String) -> String {
    text.utf8.contains(0) ? text.replacing("\0", with: "") : text
  }

  /// Checks the length after trimming. The text itself is stored as it was sent.
  package static func validate(_ text: String) throws(Refusal) {
    // First and at no cost: what is stored and read over and over must be small before trimming too.
    guard text.utf8.count <= Limits.message_bytes else { throw .tooLarge }
    let count = trimmed(text).unicodeScalars.count
    if count == 0 { throw .blank }
    if count > Limits.messageScalars { throw .tooLong(scalars: count) }
  }
}
