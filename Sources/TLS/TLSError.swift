/// Why a connection was refused or broken. Holds no bytes of the peer and no key material.
package struct TLSError: Error, Equatable, CustomStringConvertible {
  /// A closed set, fit for metric labels.
  package enum Reason: String, Sendable, CaseIterable {
    /// The handshake was not done in time.
    case timeout
    /// The connection ended without close_notify: what was received may not be all that was sent (RFC 8446 §6.1).
    case truncated
    /// No application protocol in common.
    case applicationProtocol = "application_protocol"
    /// The peer's certificate was not accepted.
    case certificate
    /// The peer speaks no version that we speak, or something else than TLS.
    case version
    /// The peer refused us with an alert.
    case refused
    /// A bound of `Limits` was reached.
    case limit
    /// Anything else that libssl found.
    case failed
  }

  package let reason: Reason
  package let description: String

  package init(_ reason: Reason, _ description: String) {
    self.reason = reason
    self.description = description
  }
}
