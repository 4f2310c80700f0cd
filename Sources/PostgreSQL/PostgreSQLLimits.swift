/// Every bound of this module: number and reason. The configurable ones are defaults.
package enum PostgreSQLLimits {
  /// Connections of one pool. Beyond 64, group commit gains nothing (measured: 16 → 26.8 k/s, 64 → 27.2 k/s logged).
  static let connectionCountMaximum = 64

  /// Of this many connections one carries pipelined reads only, so that a read never waits behind a commit or a row lock.
  static let connectionsPerReader = 8

  /// Reads sent on one connection before the first is answered; beyond this they wait in the queue.
  static let pipelineDepthMaximum = 32

  /// Connections a pool opens at most unless told otherwise (design §6: 16–32).
  package static let connectionCount = 16

  /// Commands that wait for a connection. At 20 k/s this is 0.2 s of work; more would only be answered late.
  package static let queueLength = 4096

  /// Parameters of one statement; the protocol counts them in 16 bits.
  static let parameterCountMaximum = 65_535

  /// Bytes of all parameters of one statement. A message is 1 GiB at most; ours carry one 12 MiB audio segment.
  static let parameterBytesMaximum = 64 << 20

  /// Shapes (statement text and parameter types) prepared per pool; statements are literals, so this is never reached
  /// by a program that does not build SQL from data. Beyond it statements are sent unprepared.
  static let preparedShapeCount = 1024

  /// Waiting notifications of one listener; older ones are dropped, since each only says "look again".
  static let notificationBuffer = 1024

  /// Longest `LISTEN` channel name (NAMEDATALEN − 1).
  static let channelNameBytes = 63

  /// After the statement's own timeout, before the client cancels it, and again before it gives the connection up.
  static let cancelGrace_ns: UInt64 = 2_000_000_000

  /// First and longest pause between attempts to connect; each pause is jittered between half and whole.
  static let reconnectPauseFirst_ms: UInt64 = 50
  static let reconnectPauseLongest_ms: UInt64 = 5_000

  /// How often one command is sent again by itself after its prepared plan was found stale; such a command never ran.
  static let stalePlanRetries: UInt8 = 2

  /// Readiness reports taken per wait; the size of the array in the C shim.
  static let readinessBatch = 64

  /// Oldest server: design §6 asks for PostgreSQL 14 (pipeline mode needs libpq 14; functions used by the store need 14).
  static let serverVersionMinimum: Int32 = 140_000
}
