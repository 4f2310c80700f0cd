import NIOCore

/// An address to listen on or connect to: "HOST:PORT", "[::1]:PORT" or "unix:PATH".
package enum ListenAddress: Sendable, Hashable, CustomStringConvertible {
  case tcp(host: String, port: Int)
  case unix(path: String)

  /// Nil for any other form, a port above 65535, or an empty host or path.
  package init?(_ text: String) {
    if text.hasPrefix("unix:") {
      var path = text.dropFirst(5)
      if path.hasPrefix("//") { path = path.dropFirst(2) }
      guard !path.isEmpty else { return nil }
      self = .unix(path: String(path))
      return
    }
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    guard !host.isEmpty else { return nil }
    self = .tcp(host: String(host), port: Int(port))
  }

  /// As `init` reads it.
  package var description: String {
    switch self {
    case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }

  var isTCP: Bool {
    if case .tcp = self { true } else { false }
  }

  /// The value of `:authority` for calls to this address; a path has none that nghttp2 accepts.
  var authority: String {
    switch self {
    case .tcp: description
    case .unix: "localhost"
    }
  }
}

extension SocketAddress {
  /// The peer's name in gRPC's form: "ipv4:127.0.0.1:50000", "ipv6:[::1]:50000", "unix:".
  var peerName: String {
    switch self {
    case .v4: "ipv4:\(ipAddress ?? ""):\(port ?? 0)"
    case .v6: "ipv6:[\(ipAddress ?? "")]:\(port ?? 0)"
    case .unixDomainSocket: "unix:\(pathname ?? "")"
    }
  }
}
