/// Why a token was refused. `detail` is for developers and logs: it never holds the token or a key.
package struct TokenError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The raw value is `ErrorInfo.reason` of the error table in design §5.
  package enum Reason: String, Sendable, Equatable, CaseIterable {
    case missing = "TOKEN_MISSING"
    case invalid = "TOKEN_INVALID"
    case expired = "TOKEN_EXPIRED"
    case subjectMissing = "TOKEN_SUBJECT_MISSING"
  }

  package let reason: Reason
  package let detail: String

  package init(_ reason: Reason, _ detail: String) {
    self.reason = reason
    self.detail = detail
  }

  package var description: String { "\(reason.rawValue): \(detail)" }
}
