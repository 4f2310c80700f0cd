extension PostgreSQLPool {
  /// Runs `body` while holding the session's advisory lock `key`, on a connection without statement timeout: for
  /// migrations, which must not run twice at once and may take long.
  /// - Parameter timeout: longest wait for the lock.
  /// - Throws: `.timedOut` when another holds the lock all that time.
  package func withAdvisoryLock<R>(
    _ key: Int64, timeout: Duration = .seconds(60), _ body: (PostgreSQLConnection) async throws -> R
  ) async throws -> R {
    let connection = try await PostgreSQLConnection.take(from: self, timeout: nil)
    defer { connection.giveBack() }
    try await connection.script("SET statement_timeout = \(max(1, timeout.nanoseconds / 1_000_000))")
    try await AdvisoryLock.take(key, on: connection, timeout: timeout)
    try await connection.script("SET statement_timeout = 0")
    let outcome = await connection.outcome(of: body)
    // These fail in a transaction the body left broken: the pool closes such a connection, which frees the lock.
    _ = try? await connection.query(AdvisoryLock.unlock, [.int64(key)])
    _ = try? await connection.script("RESET statement_timeout")
    return try outcome.get()
  }
}

private enum AdvisoryLock {
  static let lock = Statement("advisory_lock", "SELECT pg_advisory_lock($1)")
  static let unlock = Statement("advisory_unlock", "SELECT pg_advisory_unlock($1)")

  static func take(_ key: Int64, on connection: PostgreSQLConnection, timeout: Duration) async throws(PostgreSQLError) {
    do {
      _ = try await connection.query(lock, [.int64(key)])
    } catch {
      guard error.kind == .timedOut else { throw error }
      throw PostgreSQLError(
        kind: .timedOut, sqlState: error.sqlState,
        message: "another process has held the advisory lock \(key) for \(timeout); it migrates, or hangs",
        isRetryable: true)
    }
  }
}
