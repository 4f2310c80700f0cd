import ArgumentParser
import NIOCore
import Operations
import WebSocket
import WebSocketBridge

extension BridgeSettings {
  init(_ configuration: ServiceConfiguration.Bridge) {
    self.init()
    piecePause = TimeAmount(configuration.piecePause)
    legacySession = TimeAmount(configuration.legacySession_max)
    origins = OriginPolicy(configuration.origins)
    connectionsPerAddress = configuration.connectionsPerAddress
    servesConsole = configuration.servesConsole
  }
}

extension OriginPolicy {
  /// Empty: any.
  init(_ origins: [String]) { self = origins.isEmpty ? .any : .list(origins) }
}

extension ServiceConfiguration.Bridge {
  var servesConsole: Bool { console.isServed(at: address) }
}

extension ServiceConfiguration.ConsoleChoice: ExpressibleByArgument {
  func isServed(at address: Endpoint) -> Bool {
    switch self {
    case .auto: address.isLoopback
    case .on: true
    case .off: false
    }
  }
}

extension Endpoint {
  /// Only this machine can reach it over TCP.
  var isLoopback: Bool {
    guard case .tcp(let host, _) = self else { return false }
    return host == "localhost" || host == "::1" || host.hasPrefix("127.")
  }
}

extension WebSocketAddress {
  /// nil: off.
  init?(_ endpoint: Endpoint) {
    switch endpoint {
    case .tcp(let host, let port): self = .tcp(host: host, port: port)
    case .unix(let path): self = .unix(path: path)
    case .off: return nil
    }
  }
}
