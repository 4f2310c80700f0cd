/// Leaves out the `<think>…</think>` that reasoning models begin a reply with (Qwen 3, DeepSeek R1 and others, where the
/// server does not take it apart). Sans-I/O: text goes in cut anywhere; what is not thought comes out.
struct ReasoningFilter {
  private static let opening = "<think>"
  private static let closing = "</think>"

  private enum State {
    /// What came may yet become the opening tag.
    case beginning(String)
    /// Within the block; the last letters, which may be the beginning of the closing tag.
    case thinking(String)
    /// The block has ended; blanks behind it belong to it.
    case ending
    case reply
  }

  private var state = State.beginning("")

  init() {}

  /// What of the reply is known to be none of its thoughts.
  mutating func feed(_ text: String) -> String {
    switch state {
    case .beginning(let before):
      let text = before + text
      let start = text.drop(while: \.isWhitespace)
      if start.hasPrefix(Self.opening) {
        state = .thinking("")
        return feed(String(start.dropFirst(Self.opening.count)))
      }
      if Self.opening.hasPrefix(start), text.utf8.count <= Limits.replyBytes {
        state = .beginning(text)
        return ""
      }
      state = .reply
      return text
    case .thinking(let before):
      let text = before + text
      guard let end = text.firstRange(of: Self.closing) else {
        state = .thinking(String(text.suffix(Self.closing.count - 1)))
        return ""
      }
      state = .ending
      return feed(String(text[end.upperBound...]))
    case .ending:
      let start = text.drop(while: \.isWhitespace)
      if !start.isEmpty { state = .reply }
      return String(start)
    case .reply:
      return text
    }
  }

  /// The reply is over. What could have become a tag is text; a block that never ended is none.
  mutating func end() -> String {
    defer { state = .reply }
    return if case .beginning(let text) = state { text } else { "" }
  }
}
