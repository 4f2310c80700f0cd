/// Why bytes are not an acceptable message. Nothing is repaired or cut.
package enum WireError: Error, Equatable {
  /// Not the wire format, cut short, or a known field with a foreign wire type.
  case malformed
  /// Decoding would take more memory than `limit_bytes` (see ``Limits``).
  case tooLarge(limit_bytes: Int)
  /// A string is not UTF-8. The field's path, as in `segments[3].text`.
  case invalidUTF8(field: String)
  /// A string contains U+0000, which PostgreSQL cannot store. The field's path.
  case embeddedNUL(field: String)

  /// The same error seen from the message around it.
  package func inside(_ field: StaticString) -> WireError {
    prefixed("\(field).")
  }

  /// The same error seen from the message that has it at `index` of a repeated field.
  package func inside(_ field: StaticString, index: Int) -> WireError {
    prefixed("\(field)[\(index)].")
  }

  private func prefixed(_ prefix: String) -> WireError {
    switch self {
    case .malformed, .tooLarge: self
    case .invalidUTF8(let field): .invalidUTF8(field: prefix + field)
    case .embeddedNUL(let field): .embeddedNUL(field: prefix + field)
    }
  }
}
