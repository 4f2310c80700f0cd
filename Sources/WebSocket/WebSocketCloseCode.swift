/// A close code (RFC 6455 §7.4 and the IANA registry).
package struct WebSocketCloseCode: Sendable, Hashable, CustomStringConvertible {
  package let rawValue: UInt16
  package init(_ rawValue: UInt16) { self.rawValue = rawValue }

  package static let normal = Self(1000)
  package static let goingAway = Self(1001)
  package static let protocolError = Self(1002)
  package static let unsupportedData = Self(1003)
  /// Never on the wire: the close frame carried no code.
  package static let noStatus = Self(1005)
  /// Never on the wire: the connection was lost.
  package static let abnormal = Self(1006)
  package static let invalidPayload = Self(1007)
  package static let policyViolation = Self(1008)
  package static let messageTooBig = Self(1009)
  package static let internalError = Self(1011)
  package static let serviceRestart = Self(1012)
  package static let tryAgainLater = Self(1013)

  /// Whether a close frame may carry it: registered ones, 3000–3999 for libraries, 4000–4999 for applications.
  package var isValidOnWire: Bool {
    switch rawValue {
    case 1000...1003, 1007...1014, 3000...4999: true
    default: false
    }
  }

  package var description: String { String(rawValue) }
}
