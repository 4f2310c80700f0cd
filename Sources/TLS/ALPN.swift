/// Application protocols that a client offers or a server takes (RFC 7301), best first.
package struct ALPN: Sendable, Hashable {
  package let protocols: [String]
  /// Whether a peer must agree on one of them. If not, a peer without ALPN is taken too; a client that offers only
  /// other protocols is refused in either case.
  package let isRequired: Bool

  /// - Parameter protocols: at least one, each of 1 to 255 bytes of UTF-8.
  package init(_ protocols: [String], isRequired: Bool) {
    precondition(!protocols.isEmpty && protocols.allSatisfy { (1...255).contains($0.utf8.count) })
    self.protocols = protocols
    self.isRequired = isRequired
  }

  /// HTTP/2 over TLS requires ALPN (RFC 9113 §3.2).
  package static let h2 = ALPN(["h2"], isRequired: true)
  package static let http1 = ALPN(["http/1.1"], isRequired: false)

  /// Each name after its length.
  var wireForm: [UInt8] {
    protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
  }
}
