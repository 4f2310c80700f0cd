import Synchronization

/// The live connections of a server, so that it can stop them and know when they are gone. Safe from any thread.
final class ConnectionRegistry: Sendable {
  private struct State {
    var connections: [ObjectIdentifier: ServerConnection] = [:]
    var isStopping = false
    var waiters: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())
  let metrics = ConnectionMetrics()
  private let limit: Int
  /// Bytes of unfinished unary requests, over all connections.
  private let heldRequest_bytes = Atomic(0)

  init(limit: Int) {
    self.limit = limit
  }

  /// False when the server holds as much of unfinished requests as it may.
  func holdRequest(_ byteCount: Int) -> Bool {
    heldRequest_bytes.add(byteCount, ordering: .relaxed).newValue <= Limits.serverRequests_bytes
  }

  /// False when the server is stopping or full: the connection is to be closed at once.
  func add(_ connection: ServerConnection) -> Bool {
    state.withLock { state in
      guard !state.isStopping, state.connections.count < limit else { return false }
      state.connections[ObjectIdentifier(connection)] = connection
      return true
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
