/// How to reach a database and how much of it to use.
package struct PostgreSQLConfiguration: Sendable {
  /// `postgresql://…` or any libpq connection string (several hosts and `target_session_attrs` included).
  package var url: String
  /// Connections opened at most, 1–64. One opens at start, the others when there is work for them.
  package var connectionCount: Int
  /// Longest run of one statement; enforced by the server (`statement_timeout`) and, a little later, by the client.
  package var statementTimeout: Duration
  /// Longest attempt to connect, over all hosts.
  package var connectTimeout: Duration
  /// Longest wait of a command for a connection.
  package var waitTimeout: Duration
  /// Longest wait of `stop()` for commands and transactions under way.
  package var drainTimeout: Duration
  /// Commands that may wait for a connection; the next one fails at once with `.overloaded`.
  package var queueLimit: Int
  /// Shown in `pg_stat_activity`, unless the URL names one.
  package var applicationName: String
  package var observer: (any PostgreSQLObserver)?

  package init(
    url: String,
    connectionCount: Int = PostgreSQLLimits.connectionCount,
    statementTimeout: Duration = .seconds(5),
    connectTimeout: Duration = .seconds(5),
    waitTimeout: Duration = .seconds(5),
    drainTimeout: Duration = .seconds(10),
    queueLimit: Int = PostgreSQLLimits.queueLength,
    applicationName: String = "lifeecho",
    observer: (any PostgreSQLObserver)? = nil
  ) {
    self.url = url
    self.connectionCount = connectionCount
    self.statementTimeout = statementTimeout
    self.connectTimeout = connectTimeout
    self.waitTimeout = waitTimeout
    self.drainTimeout = drainTimeout
    self.queueLimit = queueLimit
    self.applicationName = applicationName
    self.observer = observer
  }
}

extension Duration {
  /// Whole nanoseconds, 0 when negative, saturated at about 292 years.
  var nanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    let (product, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? UInt64(Int64.max) : min(product + UInt64(attoseconds / 1_000_000_000), UInt64(Int64.max))
  }
}
