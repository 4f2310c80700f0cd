import Conversation
@testable import ConversationStore
import Interview
import PostgreSQL
import Testing

/// What is deleted is deleted in bounded steps, and whoever comes after a crash goes on.
@Suite struct ErasureTests {
  private static let segments = "SELECT count(*) FROM lifeecho.audio_segments WHERE user_id = $1"
  private static let kept = segments + " AND content IS NOT NULL"

  /// Sessions that have ended, with segments of a KiB each, whose time is over.
  private func keepAudio(of speaker: Speaker, sessions: Int64, segments: Int64) async throws {
    let parameters: [PostgreSQLValue] = [
      .text(speaker.user.rawValue), .text(speaker.conversation.rawValue), .int64(sessions),
      .timestamp(speaker.now.microseconds),
    ]
    _ = try await speaker.pool.query(
      Statement(
        "keep_sessions",
        """
        INSERT INTO lifeecho.voice_sessions (user_id, conversation_id, session_id, generation, state, kind, quota_day,
            audio_expires_at, created_at, updated_at)
          SELECT $1, $2, 'kept' || n, 1, 'completed', 'segmented', $4::timestamptz::date, $4, $4, $4
            FROM generate_series(1, $3) n
        """), parameters)
    _ = try await speaker.pool.query(
      Statement(
        "keep_segments",
        """
        INSERT INTO lifeecho.audio_segments (user_id, conversation_id, session_id, generation, index, sha256, duration_ms,
            is_last, received_at, stored_at, is_open, content)
          SELECT $1, $2, 'kept' || n, 1, i, '', 1, false, $4, $4, false, convert_to(repeat('x', 1024), 'UTF8')
            FROM generate_series(1, $3) n, generate_series(1, $5) i
        """), parameters + [.int64(segments)])
  }

  private func step(_ statement: Statement, _ first: PostgreSQLValue, _ speaker: Speaker, rows: Int64, bytes: Int64)
    async throws -> Bool
  {
    let result = try await speaker.pool.query(statement, [first, .int64(rows), .int64(bytes)])
    guard let row = result.first else { throw Failure() }
    return try row.bool(0)
  }

  /// Of more conversations than one transaction takes away, all are gone at once.
  @Test func nothingIsFoundOfWhoIsErased() async throws {
    let speaker = try await Speaker()
    _ = try await speaker.pool.query(
      Statement(
        "earlier_conversations",
        """
        WITH made AS (
          INSERT INTO lifeecho.conversations (user_id, conversation_id, log_epoch, started_at)
            SELECT $1, 'a' || n, 'e', now() FROM generate_series(1, 25) n RETURNING conversation_id)
        INSERT INTO lifeecho.conversation_owners (conversation_id, user_id) SELECT conversation_id, $1 FROM made
        """), [.text(speaker.user.rawValue)])
    try await speaker.say(Speaker.segment(0, last: true))
    try await speaker.recogniseAll()
    _ = try await speaker.finish()
    let (store, user, conversation) = (speaker.store, speaker.user, speaker.conversation)
    func events() async throws -> [DurableEvent] {
      try await store.events(user: user, conversation: conversation, after: 0, through: .max, limit: 10)
    }
    #expect(try await events().count > 0)
    _ = try await speaker.pool.query(Statements.beginErasure, [.text(user.rawValue), .int64(10)])
    #expect(try await speaker.count("SELECT count(*) FROM lifeecho.conversations WHERE user_id = $1") == 16)
    await #expect(throws: ConversationError.userUnknown) { try await events() }
    await #expect(throws: ConversationError.userUnknown) {
      try await store.messages(user: user, conversation: conversation, after: 0, limit: 10)
    }
    await #expect(throws: ConversationError.userUnknown) {
      try await store.conversation(user: user, conversation: conversation)
    }
    await #expect(throws: ConversationError.userUnknown) { try await store.voiceSession(speaker.key()) }
    await #expect(throws: ConversationError.userUnknown) {
      try await speaker.say(Speaker.segment(0), session: "another")
    }
    try await store.erase(user)
    #expect(try await speaker.count("SELECT count(*) FROM lifeecho.conversations WHERE user_id = $1") == 0)
  }

  @Test(
    "a step erases no more than it may",
    arguments: [(20, 1 << 20, 20), (1000, 10 << 10, 11)] as [(Int64, Int64, Int64)])
  func boundedErasure(rows: Int64, bytes: Int64, atOnce: Int64) async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0, last: true))
    try await speaker.recogniseAll()
    _ = try await speaker.finish()
    try await keepAudio(of: speaker, sessions: 3, segments: 50)
    #expect(try await speaker.store.deleteUser(speaker.user))
    var left = try await speaker.count(Self.segments)
    var steps = 0
    while try await !step(Statements.eraseUser, .text(speaker.user.rawValue), speaker, rows: rows, bytes: bytes) {
      let now = try await speaker.count(Self.segments)
      #expect(left - now <= atOnce)
      left = now
      steps += 1
    }
    #expect(left <= atOnce && steps >= 150 / Int(atOnce) - 1)
    let tables = try await speaker.pool.query(
      Statement(
        "tables_of_users",
        "SELECT table_name::text FROM information_schema.columns WHERE table_schema = 'lifeecho' AND column_name = 'user_id'"
      ))
    #expect(tables.count > 10)
    for row in tables {
      let table = try row.string(0)
      #expect(try await speaker.count("SELECT count(*) FROM lifeecho.\(table) WHERE user_id = $1") == 0, "\(table)")
    }
  }

  @Test func fromTheFirstTransactionOnTheUserIsUnknownWhateverIsLeft() async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0))
    try await keepAudio(of: speaker, sessions: 2, segments: 2)
    #expect(try await speaker.store.deleteUser(speaker.user))
    #expect(try await speaker.count(Self.segments) == 5)
    #expect(try await speaker.store.user(speaker.user) == nil)
    await #expect(throws: ConversationError.userUnknown) { try await speaker.log() }
    // A running recording takes nothing more, and nobody recognises what is left.
    await #expect(throws: ConversationError.userUnknown) { try await speaker.say(Speaker.segment(1), generation: 1) }
    #expect(try await speaker.claim().isEmpty)
    #expect(try await speaker.store.deleteUser(speaker.user), "there is something to erase")
    #expect(try await speaker.store.erasures(limit: 10) == [speaker.user])
    try await speaker.store.erase(speaker.user)
    #expect(try await speaker.store.erasures(limit: 10).isEmpty)
    #expect(try await !speaker.store.deleteUser(speaker.user))
    #expect(try await speaker.count(Self.segments) == 0)
  }

  @Test func aUserOfThatNameComesAfterTheErasure() async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0))
    try await keepAudio(of: speaker, sessions: 2, segments: 2)
    #expect(try await speaker.store.deleteUser(speaker.user))
    #expect(try await speaker.store.upsertUser(UserChange(id: speaker.user), now: speaker.now).created)
    #expect(try await speaker.count(Self.segments) == 0)
    #expect(try await speaker.count("SELECT count(*) FROM lifeecho.memoir_state WHERE user_id = $1") == 1)
    #expect(try await speaker.store.erasures(limit: 10).isEmpty)
  }

  @Test func manyConversationsGoInSteps() async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0))
    _ = try await speaker.pool.query(
      Statement(
        "many_conversations",
        """
        WITH made AS (
          INSERT INTO lifeecho.conversations (user_id, conversation_id, log_epoch, started_at)
            SELECT $1, 'many' || n, 'e', now() FROM generate_series(1, 25) n RETURNING conversation_id)
        INSERT INTO lifeecho.conversation_owners (conversation_id, user_id) SELECT conversation_id, $1 FROM made
        """), [.text(speaker.user.rawValue)])
    _ = try await speaker.pool.query(Statements.beginErasure, [.text(speaker.user.rawValue), .int64(10)])
    let conversations = "SELECT count(*) FROM lifeecho.conversations WHERE user_id = $1"
    #expect(try await speaker.count(conversations) == 16)
    try await speaker.store.erase(speaker.user)
    let owned = "SELECT count(*) FROM lifeecho.conversation_owners WHERE user_id = $1"
    #expect(try await speaker.count(conversations) == 0)
    #expect(try await speaker.count(owned) == 0)
    #expect(try await speaker.store.erasures(limit: 10).isEmpty)
  }

  @Test(
    "a step empties no more audio than it may, and a session without audio does not come again",
    arguments: [(20, 1 << 20, 20), (1000, 10 << 10, 11)] as [(Int64, Int64, Int64)])
  func boundedRetention(rows: Int64, bytes: Int64, atOnce: Int64) async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0))
    try await keepAudio(of: speaker, sessions: 3, segments: 50)
    var left: Int64 = 151
    let due = "SELECT count(*) FROM lifeecho.voice_sessions WHERE user_id = $1 AND audio_expires_at IS NOT NULL"
    while try await !step(
      Statements.emptyAudio, .timestamp(speaker.now.microseconds), speaker, rows: rows, bytes: bytes)
    {
      let now = try await speaker.count(Self.kept)
      #expect(left - now <= atOnce)
      left = now
      #expect(try await speaker.count(due) >= (left - 1 + 49) / 50)
    }
    #expect(left <= 1 + atOnce)
    #expect(try await speaker.count(Self.kept) == 1)
    #expect(try await speaker.count(due) == 0)
    #expect(try await speaker.count(Self.segments) == 151)
  }

  @Test func onlyOldFeedbackIsForgotten() async throws {
    let speaker = try await Speaker()
    for session in ["old", "young"] as [VoiceSessionID] {
      _ = try await speaker.store.armFeedback(speaker.key(session, 0), delay_ms: 8_000, now: speaker.now)
      speaker.pass(minutes: 1440)
    }
    speaker.pass(minutes: 28 * 1440 + 1)
    try await speaker.store.pruneAudio(now: speaker.now)
    #expect(try await speaker.count("SELECT count(*) FROM lifeecho.listening_feedback WHERE user_id = $1") == 1)
  }
}
