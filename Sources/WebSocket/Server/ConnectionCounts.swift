import NIOCore
import Synchronization

/// Who shares a connection limit: an IPv4 address, or the /64 that one IPv6 subscriber gets. Sockets that are not TCP
/// have none.
struct AddressKey: Hashable, Sendable {
  private let bits: UInt64
  private let isIPv6: Bool

  init?(_ address: SocketAddress?) {
    switch address {
    case .v4(let address):
      // sockaddr_in: family, port, address.
      bits = withUnsafeBytes(of: address.address) { $0[4..<8].reduce(0) { $0 << 8 | UInt64($1) } }
      isIPv6 = false
    case .v6(let address):
      // sockaddr_in6: family, port, flow, address.
      let bytes = withUnsafeBytes(of: address.address) { Array($0[8..<24]) }
      // An IPv4 address in IPv6 clothes (RFC 4291 §2.5.5.2) is that IPv4 address.
      if bytes.prefix(10).allSatisfy({ $0 == 0 }), bytes[10] == 0xff, bytes[11] == 0xff {
        bits = bytes[12...].reduce(0) { $0 << 8 | UInt64($1) }
        isIPv6 = false
      } else {
        bits = bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }
        isIPv6 = true
      }
    default: return nil
    }
  }
}

/// The sockets of one listener, on all its loops. From any thread.
final class ConnectionCounts: Sendable {
  enum Admission {
    case admitted
    /// Gets a 503.
    case refused(WebSocketLimit)
    /// Gets nothing: even the refusals are too many.
    case dropped(WebSocketLimit)
  }

  private struct State {
    var sockets = 0
    var upgraded = 0
    var byAddress: [AddressKey: Int] = [:]
    /// Called when the last socket is gone.
    var waiting: [@Sendable () -> Void] = []
  }

  private let state = Mutex(State())
  private let limit: Int
  private let limitPerAddress: Int

  init(_ configuration: WebSocketConfiguration) {
    limit = configuration.connections
    limitPerAddress = configuration.connectionsPerAddress
  }

  /// Counts a new socket, whatever the answer: `release` it once.
  func admit(_ address: AddressKey?) -> Admission {
    state.withLock { state in
      state.sockets += 1
      var fromAddress = 0
      if let address {
        fromAddress = state.byAddress[address, default: 0] + 1
        state.byAddress[address] = fromAddress
      }
      if limit > 0, state.sockets > limit {
        return state.sockets > limit + Limits.refusedConnections ? .dropped(.connections) : .refused(.connections)
      }
      guard limitPerAddress > 0, fromAddress > limitPerAddress else { return .admitted }
      let isFlood = fromAddress > limitPerAddress + Limits.refusedConnections
      return isFlood ? .dropped(.connectionsPerAddress) : .refused(.connectionsPerAddress)
    }
  }

  func upgraded() { state.withLock { $0.upgraded += 1 } }

  func release(_ address: AddressKey?, isUpgraded: Bool) {
    let waiting = state.withLock { state in
      state.sockets -= 1
      if isUpgraded { state.upgraded -= 1 }
      if let address, let count = state.byAddress[address] {
        state.byAddress[address] = count > 1 ? count - 1 : nil
      }
      guard state.sockets == 0 else { return [@Sendable () -> Void]() }
      defer { state.waiting = [] }
      return state.waiting
    }
    for resume in waiting { resume() }
  }

  /// Returns when no socket is left, or when the time is over.
  func waitUntilEmpty(on eventLoop: any EventLoop, atMost time: TimeAmount) async {
    let empty = eventLoop.makePromise(of: Void.self)
    let deadline = eventLoop.scheduleTask(in: time) { empty.succeed() }
    let isEmpty = state.withLock { state in
      if state.sockets > 0 { state.waiting.append { eventLoop.execute { empty.succeed() } } }
      return state.sockets == 0
    }
    if isEmpty { empty.succeed() }
    try? await empty.futureResult.get()
    deadline.cancel()
  }

  /// Open WebSockets.
  var upgradedCount: Int { state.withLock { $0.upgraded } }
  /// Sockets, those in their handshake too.
  var socketCount: Int { state.withLock { $0.sockets } }
}
