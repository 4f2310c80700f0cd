/// Told about every command, for metrics. Called on the pool's own thread: must return at once and never block.
package protocol PostgreSQLObserver: Sendable {
  /// - Parameters:
  ///   - statement: the statement's name; `begin`, `commit`, `rollback`, `script` for the pool's own commands.
  ///   - wait_ns: from submission until it was sent. - run_ns: from then until its answer was complete.
  func commandFinished(
    statement: String, kind: CommandKind, wait_ns: UInt64, run_ns: UInt64, error: PostgreSQLError?)
  func connectionOpened()
  func connectionLost(_ error: PostgreSQLError)
}

extension PostgreSQLObserver {
  package func connectionOpened() {}
  package func connectionLost(_ error: PostgreSQLError) {}
}

/// Counters of a pool since its start; a snapshot.
package struct PoolStatistics: Sendable, Hashable {
  /// Commands answered, failed ones included.
  package var commands: UInt64 = 0
  /// Commands that ended in an error, those that were never sent included.
  package var errors: UInt64 = 0
  /// Messages that had to be awaited from the server: one per command; `BEGIN` and parsing ride along, `COMMIT` does not.
  package var roundTrips: UInt64 = 0
  package var connectionsOpened: UInt64 = 0
  package var connectionsLost: UInt64 = 0
  package var openConnections: Int = 0
  /// Commands that wait for a connection now.
  package var queued: Int = 0
}
