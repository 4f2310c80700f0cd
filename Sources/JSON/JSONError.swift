/// The text is not JSON.
package struct JSONError: Error, Equatable, CustomStringConvertible {
  /// In bytes of UTF-8 from 0.
  package let offset: Int
  package let reason: String

  package init(offset: Int, reason: String) {
    self.offset = offset
    self.reason = reason
  }

  package var description: String { "not JSON at byte \(offset): \(reason)" }
}
