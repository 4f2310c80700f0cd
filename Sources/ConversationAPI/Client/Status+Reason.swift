package import RPC

/// What a client decides by (design §5, Errors).
extension Status {
  /// Of an event, or of one refused segment.
  package init(_ status: GoogleRPC.Status?) {
    let code = status.map { StatusCode(rawValue: UInt8(clamping: $0.code)) } ?? .internal
    let details = status?.details.map { StatusDetails.AnyDetail(typeURL: $0.typeURL, value: $0.value) } ?? []
    self.init(code, details: StatusDetails.encode(code: code, message: "", details: details))
  }

  /// `ErrorInfo.reason`; "" when there is none.
  package var reason: String { detail(GoogleRPC.ErrorInfo.self)?.reason ?? "" }

  /// The service is away or overloaded: the same call may succeed later.
  package var isPassing: Bool { code == .unavailable || code == .deadlineExceeded }

  /// The caller's own token is not good any more; a fresh one may be.
  package var isTokenRefused: Bool { code == .unauthenticated && reason != "USER_UNKNOWN" }

  /// A segment was refused because another one is stored under its index.
  package var isAboutStoredAudio: Bool { reason == "SEGMENT_CONFLICT" }
}
