/// A PostgreSQL of the service's own: where it lives and how careful it is.
package struct PrivateClusterConfiguration: Sendable {
  package enum Storage: Sendable, Hashable {
    /// Kept below this directory, which is created when missing and locked while in use.
    case directory(String)
    /// A temporary directory, without fsync, removed at the end (also after a crash of the service): for tests.
    case ephemeral
  }

  package var storage: Storage
  /// Whether commits wait for the disk. Turned off for tests alone: a crash of the machine then loses everything.
  package var isDurable: Bool
  /// `max_connections`: the pool's and a few for people with psql.
  package var maximumConnections: Int
  /// Longest start of a server that has nothing to recover, in seconds, is well under one; recovery after a crash may
  /// take long. Beyond this the start fails.
  package var startTimeout: Duration
  /// The service's environment; only `PATH` and `TMPDIR` are looked at, nothing of it reaches PostgreSQL.
  package var environment: [String: String]

  /// - Parameter isDurable: by default true unless ephemeral.
  package init(
    storage: Storage, maximumConnections: Int = 40, startTimeout: Duration = .seconds(60),
    isDurable: Bool? = nil, environment: [String: String]
  ) {
    self.storage = storage
    self.isDurable = isDurable ?? (storage != .ephemeral)
    self.maximumConnections = maximumConnections
    self.startTimeout = startTimeout
    self.environment = environment
  }
}

/// Why there is no private cluster: one line that says what to do.
package struct PrivateClusterError: Error, Sendable, Hashable, CustomStringConvertible {
  package var description: String

  init(_ description: String) {
    self.description = description
  }
}

/// What happens to a running cluster without being asked for.
package enum PrivateClusterEvent: Sendable {
  /// The server ended by itself (`reason` says how). It is being started again.
  case died(reason: String)
  case restarted
  /// Tried again after a pause, for as long as the service runs.
  case restartFailed(PrivateClusterError)
}

enum ClusterLimits {
  /// `sun_path` holds 108 bytes with its terminator; longer socket paths fail in server and client.
  static let socketPathBytes = 107
  /// Wait for a server that another service left behind: it is being stopped by that service's watcher.
  static let orphanWait_ns: UInt64 = 20_000_000_000
  /// After this the orphan is told to stop at once, without a shutdown checkpoint.
  static let orphanPatience_ns: UInt64 = 10_000_000_000
  /// Wait for the lock files and the shared memory of a server that was killed.
  static let leftoverWait_ns: UInt64 = 10_000_000_000
  /// Between two looks at a starting or stopping server.
  static let pollPause_us: UInt32 = 5_000
  /// Fast shutdown, then immediate shutdown, then SIGKILL.
  static let fastShutdown_ms = 10_000
  static let immediateShutdown_ms = 5_000
  /// The log is moved aside at a start, and emptied while running, beyond this size: twice this is the most on disk.
  static let logBytes = 8 << 20
  /// How often the size is looked at.
  static let logCheck_ms: Int32 = 60_000
  /// Output of initdb and the like that is kept for an error message.
  static let outputBytes = 64 << 10
  /// initdb takes 0.5 s; on a slow disk perhaps a minute.
  static let initializationTimeout_ns: UInt64 = 120_000_000_000
  /// `pg_config`, `postgres --version` and the like.
  static let probeTimeout_ns: UInt64 = 10_000_000_000
}
