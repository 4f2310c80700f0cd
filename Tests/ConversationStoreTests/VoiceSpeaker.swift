import Conversation
@testable import ConversationStore
import Foundation
import Interview
import PostgreSQL
import Testing

/// A user who speaks, on a database of their own: claims find nobody else's segments. The clock is a number.
final class Speaker {
  let pool: PostgreSQLPool
  let store: ConversationStore
  let user = UserID("user-" + UUID().uuidString)
  let conversation = ConversationID("conversation-" + UUID().uuidString)
  var settings = VoiceSettings()
  /// Noon in Shanghai.
  var now = Timestamp(microseconds: 1_773_806_400_000_000)
  var server: ServerID = "server-1"
  var lease_ms: Int64 = 60_000

  /// - Parameter other: whose database it is; nil: one of their own.
  init(
    beside other: Speaker? = nil, tier: Tier = .free, quota: @escaping (Tier) -> QuotaLimits = { $0.limits }
  ) async throws {
    if let other {
      (pool, store) = (other.pool, other.store)
    } else {
      pool = try await TestDatabase.emptyDatabase()
      _ = try await Migrator.migrate(pool)
      store = ConversationStore(pool: pool, quota: quota)
    }
    var change = UserChange(id: user)
    change.tier = tier
    _ = try await store.upsertUser(change, now: now)
  }

  func pass(minutes: Int64) { now = Timestamp(microseconds: now.microseconds + minutes * 60_000_000) }
  func pass(milliseconds: Int64) { now = Timestamp(microseconds: now.microseconds + milliseconds * 1_000) }

  func key(_ session: VoiceSessionID = "s", _ generation: Int = 1) -> VoiceSessionKey {
    VoiceSessionKey(user: user, conversation: conversation, session: session, generation: generation)
  }

  /// The transcript of a segment is its bytes.
  static func segment(
    _ index: Int, _ words: String? = nil, last: Bool = false, duration_ms: Int64 = 1_000
  ) -> AudioSegment {
    let words = words ?? "第\(index)段。"
    return AudioSegment(
      index: index, content: Array(words.utf8), digest: Array("\(words)".utf8), duration_ms: duration_ms,
      isLast: last, recordTime: nil)
  }

  @discardableResult
  func say(
    _ segments: AudioSegment..., session: VoiceSessionID = "s", generation: Int = 0, stream: String = "stream-1",
    kind: AudioKind = .segmented
  ) async throws -> StoredSegments {
    try await say(segments, session: session, generation: generation, stream: stream, kind: kind)
  }

  @discardableResult
  func say(
    _ segments: [AudioSegment], session: VoiceSessionID = "s", generation: Int = 0, stream: String = "stream-1",
    kind: AudioKind = .segmented
  ) async throws -> StoredSegments {
    try await store.storeSegments(
      StoreSegments(
        key: key(session, generation), stream: stream, kind: kind, format: .m4a, segments: segments,
        receivedTime: now, now: now, abandonment_ms: settings.abandonment_ms, gapPatience_ms: settings.gapPatience_ms))
  }

  func claim(limit: Int = 100, alone: Bool = false) async throws -> [ClaimedSegment] {
    try await store.claimSegments(
      ClaimSegments(server: server, alone: alone, duration_ms: lease_ms, limit: limit, now: now)
    ).segments
  }

  @discardableResult
  func end(_ segment: ClaimedSegment, _ result: RecognitionEnd.Result? = nil) async throws -> Bool {
    let words = String(decoding: segment.recording.bytes, as: UTF8.self)
    return try await store.endRecognition(
      RecognitionEnd(lease: segment.lease, result: result ?? .recognised(words), recognizer: "test", now: now))
  }

  /// Everything that waits; true when the session is due.
  @discardableResult
  func recogniseAll(_ result: (ClaimedSegment) -> RecognitionEnd.Result? = { _ in nil }) async throws -> Bool {
    var isDue = false
    for segment in try await claim() { isDue = try await end(segment, result(segment)) || isDue }
    return isDue
  }

  func finish(_ session: VoiceSessionID = "s", _ generation: Int = 1) async throws -> FinishedSession? {
    try await store.finishSession(
      FinishSession(
        key: key(session, generation), message: MessageID(Person.id()), turn: TurnID(Person.id()),
        lease: LeaseRequest(server: server, duration_ms: lease_ms), now: now, settings: settings))
  }

  func due() async throws -> [VoiceSessionKey] { try await store.dueSessions(now: now, limit: 100) }

  func state(_ session: VoiceSessionID = "s", _ generation: Int = 0) async throws -> VoiceSessionState {
    try await store.voiceSession(key(session, generation)).state
  }

  func log() async throws -> [DurableEvent] {
    try await store.events(user: user, conversation: conversation, after: 0, through: .max, limit: 100_000)
  }

  func record() async throws -> ConversationRecord {
    try await store.conversation(user: user, conversation: conversation)
  }

  /// One number from a query about this user.
  func count(_ sql: String) async throws -> Int64 { try await store.count(sql, user) }
}

extension ConversationStore {
  func count(_ sql: String, _ user: UserID) async throws -> Int64 {
    let name = "test_" + String(UInt64(bitPattern: Int64(sql.hashValue)), radix: 16)
    return try await pool.query(Statement(name, sql), [.text(user.rawValue)]).first?.int64(0) ?? -1
  }
}

extension FinishedSession {
  var message: UserMessage? {
    for event in events { if case .userMessage(let message) = event.kind { return message } }
    return nil
  }

  var failure: TranscriptionFailure? {
    for event in events { if case .transcriptionFailed(let failure) = event.kind { return failure } }
    return nil
  }
}
