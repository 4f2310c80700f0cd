/// The tunable numbers; the defaults and their reasons are in `Limits`.
package struct WebSocketConfiguration: Sendable {
  /// Largest message, after inflation, in bytes. Above: 1009.
  package var message_bytes = Limits.message_bytes
  /// Bytes that may wait for a peer that does not read. Above: 1013. A single message may not be longer either.
  package var outboundBuffer_bytes = Limits.outboundBuffer_bytes
  package var highWatermark_bytes = Limits.highWatermark_bytes
  package var lowWatermark_bytes = Limits.lowWatermark_bytes
  /// From the first byte to the 101.
  package var handshake_s = Limits.handshake_s
  package var request_bytes = Limits.request_bytes
  package var headerFields = Limits.headerFields
  /// Seconds between pings; 0 sends none.
  package var keepalivePing_s = Limits.keepalivePing_s
  package var keepalivePong_s = Limits.keepalivePong_s
  package var closeHandshake_s = Limits.closeHandshake_s
  /// Sockets at once, and per address; 0: no limit.
  package var connections = Limits.connections
  package var connectionsPerAddress = Limits.connectionsPerAddress
  package var controlFrames = Limits.controlFrames
  package var tinyFragments = Limits.tinyFragments
  package var originPolicy = OriginPolicy.any
  /// nil: permessage-deflate is not negotiated.
  package var deflate: DeflateConfiguration? = DeflateConfiguration()

  package init() {}
}

/// Which pages may open a socket. A request without `Origin` does not come from a page and always passes.
package enum OriginPolicy: Sendable, Hashable {
  case any
  /// Origins as browsers send them: `https://example.org`, compared without regard to case.
  case list([String])
  /// The origin's host and port are those of the `Host` header.
  case sameHost

  func admits(origin: String?, host: String?) -> Bool {
    guard let origin else { return true }
    switch self {
    case .any: return true
    case .list(let origins): return origins.contains { $0.lowercased() == origin.lowercased() }
    case .sameHost:
      guard let host, let separator = origin.firstRange(of: "://") else { return false }
      let scheme = origin[..<separator.lowerBound].lowercased()
      let authority = origin[separator.upperBound...].lowercased()
      let port = scheme == "https" || scheme == "wss" ? ":443" : ":80"
      func full(_ host: String) -> String { host.hasSuffix(port) ? String(host.dropLast(port.count)) : host }
      return full(authority) == full(host.lowercased())
    }
  }
}

/// How permessage-deflate (RFC 7692) is negotiated and used.
package struct DeflateConfiguration: Sendable, Hashable {
  /// Our compressor's window at most, 9...15.
  package var ownWindowBits = Limits.windowBits
  /// The peer's window at most, 9...15, when it lets us choose (client_max_window_bits).
  package var peerWindowBits = Limits.windowBits
  /// Refuses the peer's context takeover where its window cannot be chosen: then nothing of 32 KiB is kept per socket.
  package var boundsPeerHistory = true
  /// Client: what is offered besides client_max_window_bits.
  package var offersNoContextTakeover = false
  /// Messages shorter than the one and longer than the other are sent as they are.
  package var threshold_bytes = Limits.deflateThreshold_bytes
  package var ceiling_bytes = Limits.deflateCeiling_bytes
  package init() {}
}
