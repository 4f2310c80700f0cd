import CLibPQ
import Synchronization

/// Opening, losing and closing connections.
extension PoolLoop {
  func open(slot: Int) {
    scheduler.opening(slot)
    let ticket = makeTicket()
    openTickets[ticket] = slot
    opener.open(.pool) { [inbox] result in inbox.post(.opened(ticket: ticket, result)) }
  }

  func makeTicket() -> UInt64 {
    defer { nextTicket += 1 }
    return nextTicket
  }

  func opened(_ ticket: UInt64, _ result: Result<OpenedConnection, PostgreSQLError>) {
    guard let slot = openTickets.removeValue(forKey: ticket) else { return listenerOpened(ticket, result) }
    switch result {
    case .success(let opened):
      let connection = PoolConnection(opened, slot: slot, token: ticket << 8 | UInt64(slot + 1))
      connections[slot] = connection
      poll.add(connection.descriptor, token: connection.token)
      scheduler.opened(slot)
      backoff.reset()
      connectNotBefore_ns = 0
      lastFailure = nil
      counters.connectionsOpened.add(1, ordering: .relaxed)
      counters.openConnections.add(1, ordering: .relaxed)
      configuration.observer?.connectionOpened()
      starter?.resume(returning: nil)
      starter = nil
    case .failure(let error):
      scheduler.closed(slot)
      lastFailure = error
      connectNotBefore_ns = now_ns &+ backoff.next_ms() * 1_000_000
      starter?.resume(returning: error)
      starter = nil
    }
  }

  func lostError(_ connection: PoolConnection) -> PostgreSQLError {
    let reason = connection.handle.errorMessage
    return PostgreSQLError(
      kind: .connection, message: "the database connection was lost" + (reason.isEmpty ? "" : ": \(reason)"))
  }

  /// Fails the commands of this connection alone; another is opened when there is work for it.
  func lose(_ connection: PoolConnection, _ cause: PostgreSQLError) {
    guard connections[connection.slot] === connection else { return }
    let failed = connection.lost(cause)
    close(connection)
    counters.connectionsLost.add(1, ordering: .relaxed)
    configuration.observer?.connectionLost(cause)
    for (inFlight, error) in failed { finish(inFlight.command, .failure(error), sent_ns: inFlight.sent_ns) }
    while let command = connection.deferred.popFirst() { finish(command, .failure(.transactionLost)) }
  }

  func close(_ connection: PoolConnection) {
    poll.remove(connection.descriptor)
    if let pin = connection.pin { pins[pin] = nil }
    connections[connection.slot] = nil
    scheduler.closed(connection.slot)
    counters.openConnections.subtract(1, ordering: .relaxed)
  }
}
