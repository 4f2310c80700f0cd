import NIOCore

/// Whom a client wants to reach: what the certificate must be for, and what the SNI says.
enum ServerName: Equatable {
  case host(String)
  /// An address literal: never in the SNI (RFC 6066 §3), matched against the certificate's IP addresses.
  case address(String)

  /// Nil for an empty name and for one that no certificate could hold.
  init?(_ text: String) {
    if (try? SocketAddress(ipAddress: text, port: 0)) != nil {
      self = .address(text)
      return
    }
    // The root's dot is no part of certificate names.
    let name = text.hasSuffix(".") ? String(text.dropLast()) : text
    guard (1...253).contains(name.utf8.count), name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
    self = .host(name)
  }
}
