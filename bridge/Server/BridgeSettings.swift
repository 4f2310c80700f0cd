package import NIOCore
package import TLS
package import WebSocket

/// How a bridge behaves.
package struct BridgeSettings: Sendable {
  /// Between the pieces of a reply.
  package var piecePause: TimeAmount = .milliseconds(500)
  /// How long a socket of the first protocol lives, whose token is not looked at again.
  package var legacySession: TimeAmount = .hours(24)
  package var origins: OriginPolicy = .any
  /// Sockets from one IP address; 0: no limit, for a bridge behind a load balancer.
  package var connectionsPerAddress = WebSocketConfiguration().connectionsPerAddress
  /// The web console at `/`.
  package var servesConsole = false
  package var tls: ReloadableTLSContext?

  package init() {}
}
