import Conversation
package import Interview
package import PostgreSQL

/// The event log and everything derived from it, in PostgreSQL: the only place with SQL (design §6).
///
/// Each command is one function in the schema `lifeecho`, so one round trip and one transaction. Its first act is to
/// lock the conversation's row, which makes sequence = commit order; then requests, then quota.
package struct ConversationStore: Sendable {
  let pool: PostgreSQLPool
  /// Free turns, free speech, premium turns, premium speech: the order that the functions expect.
  let quotaLimits: PostgreSQLValue

  /// - Parameters:
  ///   - pool: started, on a database that `Migrator` has brought up to date.
  ///   - quota: what a tier may use in a day.
  package init(pool: PostgreSQLPool, quota: (Tier) -> QuotaLimits = { $0.limits }) {
    self.pool = pool
    quotaLimits = .int64Array(
      [Tier.free, .premium].map(quota).flatMap { [Int64($0.turns), $0.speech_ms] })
  }

  /// Runs one statement.
  /// - Parameter mayRepeat: running it twice does no harm, so a lost answer is asked for again.
  func run<Answer>(
    _ statement: Statement, _ parameters: [PostgreSQLValue], kind: CommandKind = .write, mayRepeat: Bool,
    _ decode: (PostgreSQLResult) throws -> Answer
  ) async throws -> Answer {
    do {
      let result: PostgreSQLResult
      do {
        result = try await pool.query(statement, parameters, kind: kind)
      } catch  where error.isWorthRepeating(mayRepeat: mayRepeat) {
        result = try await pool.query(statement, parameters, kind: kind)
      }
      return try decode(result)
    } catch let error as PostgreSQLError {
      throw error.asStoreError
    }
  }

  static let contextMessages: PostgreSQLValue = .int64(Int64(Conversation.Limits.contextMessages))
  static let stageNames: PostgreSQLValue = .textArray(Stage.allCases.map(\.rawValue))
}

extension PostgreSQLError {
  /// Once more, and at once: a deadlock's victim, a lost connection. Not what says that the database is busy.
  fileprivate func isWorthRepeating(mayRepeat: Bool) -> Bool {
    switch kind {
    case .server, .connection: isRetryable || (mayRepeat && commandMayHaveRun)
    case .overloaded, .timedOut, .cancelled, .closed, .configuration, .decoding: false
    }
  }

  /// Data exception or integrity constraint violation (PostgreSQL manual, appendix A): the same again fails again.
  private var isAboutValues: Bool { sqlState.hasPrefix("22") || sqlState.hasPrefix("23") }

  /// What callers of the store learn. The server's own words may quote what a user said, and stay here.
  fileprivate var asStoreError: any Error {
    switch kind {
    case .overloaded: ConversationError.overloaded(message)
    case .cancelled: CancellationError()
    case .server where isAboutValues:
      ConversationError.storeRefused("PostgreSQL refused a value (SQLSTATE \(sqlState))")
    case .server: ConversationError.storeUnavailable("PostgreSQL refused a command (SQLSTATE \(sqlState))")
    case .connection, .timedOut, .closed, .configuration, .decoding: ConversationError.storeUnavailable(message)
    }
  }
}
