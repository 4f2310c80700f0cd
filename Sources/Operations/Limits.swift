/// Every bound of this module: number, reason, source.
enum Limits {
  /// A configuration file larger than this is a wrong path.
  static let configurationFileBytes = 1024 * 1024
  /// Log text waiting for stderr. A reader that stalls (a full pipe) costs log lines, never an event loop.
  static let logBacklogBytes = 4 * 1024 * 1024
  /// Label sets of one metric. More is a label with unbounded values (a user id), which must not eat the memory.
  static let seriesPerMetric = 200
  /// Metrics in all; names come from code, so this is only reached by a mistake.
  static let metrics = 1000
  /// Connections of the admin listener: a scraper, two probes and a person.
  static let adminConnections = 64
  /// Time for a request to arrive, and for a response to be taken; also how long an idle connection is kept.
  static let adminTimeout_s: Int64 = 5
  /// Time for the liveness and readiness checks to answer. Below the 5 s a connection has.
  static let checkTimeout_s: Int64 = 4
  /// The admin endpoints take no body; a small one is read and ignored.
  static let adminBodyBytes = 4096
  /// Header fields of an admin request: a scraper's are under 1 KiB.
  static let adminHeaderBytes = 16 * 1024
  static let adminHeaderFields = 64
  /// `sun_path` of unix(7) without its terminating zero.
  static let unixPathBytes = 107
}
