/// The id a call is known by in logs on both sides (`x-request-id`).
package enum RequestID {
  package static let headerName = "x-request-id"

  /// A peer's id, when it is fit to be logged and sent back: 1...128 bytes of printable ASCII without blanks.
  package static func accept(_ text: String?) -> String? {
    guard let text, !text.isEmpty, text.utf8.count <= Limits.requestID_bytes,
      text.utf8.allSatisfy({ $0 > 0x20 && $0 <= 0x7E })
    else { return nil }
    return text
  }

  /// 32 hexadecimal digits.
  package static func random() -> String {
    var generator = SystemRandomNumberGenerator()
    let parent = TraceParent.random(using: &generator)
    return parent.traceID
  }
}
