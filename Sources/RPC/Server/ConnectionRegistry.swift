import Logging
import NIOCore
import Synchronization

/// The live connections of a server, so that it can stop them and know when they are gone. Safe from any thread.
final class ConnectionRegistry: Sendable {
  private struct State {
    var connections: [ObjectIdentifier: ServerConnection] = [:]
    var isStopping = false
    var waiters: [CheckedContinuation<Void, Never>] = []
    /// Since it was last said.
    var refused: [ConnectionRefusal: Int] = [:]
  }

  private let state = Mutex(State())
  let metrics = ConnectionMetrics()
  private let limit: Int
  private let logger: Logger
  /// Bytes of unfinished unary requests, over all connections.
  private let heldRequest_bytes = Atomic(0)

  init(limit: Int, logger: Logger) {
    self.limit = limit
    self.logger = logger
  }

  /// False when the server holds as much of unfinished requests as it may.
  func holdRequest(_ byteCount: Int) -> Bool {
    heldRequest_bytes.add(byteCount, ordering: .relaxed).newValue <= Limits.serverRequests_bytes
  }

  /// False when the server is stopping or full: the connection is to be closed at once.
  func add(_ connection: ServerConnection) -> Bool {
    let isFull = state.withLock { state -> Bool? in
      guard !state.isStopping else { return nil }
      guard state.connections.count < limit else { return true }
      state.connections[ObjectIdentifier(connection)] = connection
      return false
    }
    if isFull == true { refused(.limit) }
    return isFull == false
  }

  var count: Int { state.withLock { $0.connections.count } }
  var isFull: Bool { count >= limit }

  /// There is no place for a connection.
  func refused(_ reason: ConnectionRefusal) {
    metrics.refused(reason)
    state.withLock { $0.refused[reason, default: 0] += 1 }
  }

  /// Called each `Limits.room_s`: says what was refused since, and while there is no room, makes some.
  func makeRoom() {
    let (refused, open) = state.withLock { state in
      defer { state.refused = [:] }
      return (state.refused, state.connections.count)
    }
    if !refused.isEmpty {
      let counts = refused.map { ($0.key.rawValue, Logger.MetadataValue.string("\($0.value)")) }
      logger.warning(
        "connections refused", metadata: ["open": "\(open)"].merging(counts) { first, _ in first })
    }
    if !refused.isEmpty || open >= limit { closeUnused() }
  }

  /// Sends away who has had no stream since this was last called.
  func closeUnused() {
    for connection in all {
      connection.loop.execute { connection.closeIfUnused() }
    }
  }

  func remove(_ connection: ServerConnection) {
    let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
      state.connections.removeValue(forKey: ObjectIdentifier(connection))
      guard state.connections.isEmpty else { return [] }
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  var all: [ServerConnection] {
    state.withLock { Array($0.connections.values) }
  }

  /// Refuses new connections from now on; returns those there are.
  func stop() -> [ServerConnection] {
    state.withLock { state in
      state.isStopping = true
      return Array(state.connections.values)
    }
  }

  /// Lets `waitUntilEmpty` return although something is left.
  func stopWaiting() {
    let waiters = state.withLock { state in
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  /// Returns when the last connection is gone and its handlers have returned.
  func waitUntilEmpty() async {
    await withCheckedContinuation { continuation in
      let isEmpty = state.withLock { state in
        if !state.connections.isEmpty { state.waiters.append(continuation) }
        return state.connections.isEmpty
      }
      if isEmpty { continuation.resume() }
    }
  }
}
