/// Every bound of this module: number, reason, source.
enum Limits {
  /// People whose segments are looked at in one claim; the next one goes on after them.
  static let claimedUsers = 16
  /// Segments that are looked at beyond those wanted: other servers may be taking them at this moment.
  static let claimSpare = 16
  /// Waiting for another server's migrations, in seconds: they may rewrite a table.
  static let migrationLockWait_s = 120
  /// How long the answer to a repeated command is promised (design §6).
  static let requestAge_days: Int64 = 30
  /// A session under recognition again is looked at after this time, should its last recognition not call.
  static let recognitionPatience_ms: Int64 = 60_000
  /// Rows deleted by one statement of the maintenance or of an erasure: a few milliseconds of work and locks.
  static let prunedRows: Int64 = 1000
  /// The same of audio, which costs by its size (PostgreSQL keeps it in rows of 2 KB): about 0.1 s of a slow disk.
  static let prunedAudio_bytes: Int64 = 16 << 20
  /// Statements of one maintenance run; what remains waits for the next hour.
  static let pruneRounds = 100
  /// The same for audio: 16 GB, more than a thousand hours of speech.
  static let audioRounds = 1000
  /// How long it is remembered that a listening feedback was given: a recording does not last as long.
  static let feedbackAge_days: Int64 = 30
  /// Conversations that go in an erasure's first transaction, whose locks are held to its end; more than people have.
  static let erasedConversations: Int64 = 10_000
  /// Devices of a conversation whose positions are remembered; people have three, and get a new one every few years.
  static let devices: Int64 = 64
  /// Between two notifications of one server: 50 a second cost nothing, one per commit destroys group commit
  /// (measured: 757 instead of 9,247 commits a second).
  static let notificationPause_ms: Int64 = 20
  /// After a notification that could not be sent: the database is in trouble.
  static let notificationRetry_ms: Int64 = 1_000
  /// PostgreSQL refuses payloads of 8,000 bytes.
  static let notificationBytes = 7_900
  /// Notifications of one statement; more conversations than fit are told as "look everywhere".
  static let notificationsPerStatement = 16
  /// Conversations waiting to be told about; more are told as "look everywhere".
  static let pendingHints = 4096
  /// Listening feedback waiting to be told about: more in 20 ms than a server's voice sessions give.
  static let pendingFeedback = 64
  /// Erased users waiting to be told about; more are told as "look everywhere".
  static let pendingErasures = 64
  /// Hints a slow reader may lag behind before it is told to look everywhere.
  static let bufferedHints = 8192
  /// Levels of a stored payload; ours have two.
  static let payloadDepth = 8
}
