import Synchronization

/// One connection, lent by the pool for a transaction or a session. Use it inside the closure that received it only.
///
/// Calls from several tasks at once are sent in some order and do not disturb one another.
package final class PostgreSQLConnection: Sendable {
  private enum State {
    case noTransaction
    /// BEGIN goes out with the first command.
    case beginPending
    case inTransaction
    case over
  }

  private let pool: PostgreSQLPool
  private let pin: UInt64
  private let timeout: Duration?
  private let state = Mutex(State.noTransaction)

  /// - Parameter timeout: of each command on the client's side; nil for none.
  private init(pool: PostgreSQLPool, pin: UInt64, timeout: Duration?) {
    self.pool = pool
    self.pin = pin
    self.timeout = timeout
  }

  /// Waits for an idle connection. `giveBack` must follow.
  static func take(from pool: PostgreSQLPool, timeout: Duration?) async throws(PostgreSQLError) -> PostgreSQLConnection
  {
    let pin = pool.makeID()
    _ = try await pool.run(.acquire, id: pin, timeout: nil)
    return PostgreSQLConnection(pool: pool, pin: pin, timeout: timeout)
  }

  /// Ends the loan; a transaction still open is rolled back by closing the connection.
  func giveBack() {
    state.withLock { $0 = .over }
    pool.release(pin)
  }

  package func query(
    _ statement: Statement, _ parameters: [PostgreSQLValue] = []
  ) async throws(PostgreSQLError) -> PostgreSQLResult {
    let encoded = try EncodedParameters(parameters)
    return try await pool.run(
      .query(statement, encoded, .write), pin: pin, begins: try takeBegin(), timeout: timeout)
  }

  /// Several statements with the simple protocol; atomic by itself unless they contain `BEGIN`.
  package func script(_ sql: String) async throws(PostgreSQLError) {
    if try takeBegin() { try await run(Self.begin) }
    _ = try await pool.run(.script(sql), pin: pin, timeout: timeout)
  }

  /// Runs `body` in a transaction on this connection: commits when it returns, rolls back when it throws. Not nested.
  /// - Throws: what `body` throws, or `PostgreSQLError`; a failed commit says whether it may have happened.
  package func transaction<R>(_ body: (PostgreSQLConnection) async throws -> R) async throws -> R {
    try state.withLock { state throws(PostgreSQLError) in
      switch state {
      case .noTransaction: state = .beginPending
      case .beginPending, .inTransaction:
        throw PostgreSQLError(kind: .closed, message: "a transaction is open on this connection already")
      case .over: throw .transactionOver
      }
    }
    let outcome = await outcome(of: body)
    try await end(isCommit: outcome.isSuccess)
    return try outcome.get()
  }

  /// What `body` made of this connection, its error kept for after the cleaning up.
  func outcome<R>(of body: (PostgreSQLConnection) async throws -> R) async -> Result<R, any Error> {
    do {
      return .success(try await body(self))
    } catch {
      return .failure(error)
    }
  }

  private func end(isCommit: Bool) async throws(PostgreSQLError) {
    guard endTransaction() else { return }
    guard isCommit else {
      // What went wrong in the body is what counts; a connection that cannot roll back is closed by the pool.
      _ = try? await run(Self.rollback)
      return
    }
    let result = try await run(Self.commit)
    guard result.commandTag == "COMMIT" else {
      throw PostgreSQLError(
        kind: .server, sqlState: "25P02",
        message: "the transaction was rolled back, because a statement in it had failed")
    }
  }

  @discardableResult
  private func run(_ statement: Statement) async throws(PostgreSQLError) -> PostgreSQLResult {
    try await pool.run(.query(statement, try EncodedParameters([]), .write), pin: pin, timeout: timeout)
  }

  /// Whether the next command must bring BEGIN along.
  private func takeBegin() throws(PostgreSQLError) -> Bool {
    try state.withLock { state throws(PostgreSQLError) in
      switch state {
      case .noTransaction, .inTransaction: return false
      case .beginPending:
        state = .inTransaction
        return true
      case .over: throw .transactionOver
      }
    }
  }

  /// Whether the server knows of the transaction.
  private func endTransaction() -> Bool {
    state.withLock { state in
      defer { state = .noTransaction }
      return state == .inTransaction
    }
  }

  private static let begin = Statement("begin", "BEGIN")
  private static let commit = Statement("commit", "COMMIT")
  private static let rollback = Statement("rollback", "ROLLBACK")
}

extension PostgreSQLPool {
  /// Runs `body` on a connection of its own in one transaction: commits when it returns, rolls back when it throws.
  ///
  /// `BEGIN` rides with the first statement: n statements cost n + 1 round trips. Do not wait for other commands of the
  /// same pool inside: when all connections are lent, they wait for this one.
  package func transaction<R>(_ body: (PostgreSQLConnection) async throws -> R) async throws -> R {
    let connection = try await PostgreSQLConnection.take(from: self, timeout: configuration.statementTimeout)
    defer { connection.giveBack() }
    return try await connection.transaction(body)
  }
}

extension Result {
  fileprivate var isSuccess: Bool {
    if case .success = self { true } else { false }
  }
}
