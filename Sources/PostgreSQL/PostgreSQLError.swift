/// A failed command or connection: what happened, and whether it may be tried again.
package struct PostgreSQLError: Error, Sendable, Hashable, CustomStringConvertible {
  package enum Kind: Sendable, Hashable {
    /// The server answered with an error; `sqlState` is set.
    case server
    /// No connection, or it was lost.
    case connection
    /// Too many commands wait already.
    case overloaded
    /// No connection became free, or no answer came, in time.
    case timedOut
    /// The task was cancelled before the command was sent.
    case cancelled
    /// The pool has not started, or has stopped; or a transaction's connection was used after its end.
    case closed
    /// The settings cannot work: bad URL, authentication, database missing, server too old.
    case configuration
    /// A value in the result has another type than was asked for.
    case decoding
  }

  package var kind: Kind
  /// Five characters (PostgreSQL manual, appendix A), or empty when the server said nothing.
  package var sqlState: String
  /// One line, in English when it is ours; says what to do when the reader can mend it.
  package var message: String
  package var detail: String?
  package var hint: String?
  package var constraint: String?
  package var table: String?
  /// The cause is passing, and the command did not run (or changes nothing): sending it again cannot double it.
  package var isRetryable: Bool
  /// The command may have been committed although it failed here: repeat only what is idempotent.
  package var commandMayHaveRun: Bool

  package init(
    kind: Kind, sqlState: String = "", message: String, detail: String? = nil, hint: String? = nil,
    constraint: String? = nil, table: String? = nil, isRetryable: Bool = false, commandMayHaveRun: Bool = false
  ) {
    self.kind = kind
    self.sqlState = sqlState
    self.message = message
    self.detail = detail
    self.hint = hint
    self.constraint = constraint
    self.table = table
    self.isRetryable = isRetryable
    self.commandMayHaveRun = commandMayHaveRun
  }

  package var description: String {
    var text = sqlState.isEmpty ? message : "\(message) (SQLSTATE \(sqlState))"
    if let detail { text += "; \(detail)" }
    if let hint { text += "; \(hint)" }
    return text
  }
}

extension PostgreSQLError {
  static let notStarted = PostgreSQLError(kind: .closed, message: "the database pool is not running")
  static let stopping = PostgreSQLError(kind: .closed, message: "the database pool is stopping", isRetryable: true)
  static let cancelled = PostgreSQLError(kind: .cancelled, message: "cancelled while waiting for a connection")
  static let transactionOver = PostgreSQLError(
    kind: .closed, message: "the connection was used after its transaction ended")
  static let transactionLost = PostgreSQLError(
    kind: .connection, message: "the connection of this transaction was lost; nothing of it was committed",
    isRetryable: true)

  static func overloaded(limit: Int) -> PostgreSQLError {
    PostgreSQLError(
      kind: .overloaded, message: "overloaded: \(limit) commands wait for a database connection already",
      isRetryable: true)
  }

  /// - Parameter lastFailure: why no connection could be opened, when that is the reason.
  static func waitedTooLong(lastFailure: PostgreSQLError?) -> PostgreSQLError {
    guard let lastFailure else {
      return PostgreSQLError(
        kind: .timedOut, message: "no database connection became free in time", isRetryable: true)
    }
    var error = lastFailure
    error.isRetryable = true
    error.commandMayHaveRun = false
    return error
  }

  /// States in which the same command can succeed later and has not run: PostgreSQL manual, appendix A.
  static func isPassing(sqlState: String) -> Bool {
    switch sqlState {
    case "40001", "40P01", "53300", "57P01", "57P02", "57P03", "55P03": true
    default: false
    }
  }
}
