import Conversation
import ConversationStore
import Foundation
import Interview
import Logging
import PostgreSQL
import TestSupport
import Testing

/// Replies that PostgreSQL does not take as they are.
@Suite struct OddReplyTests {
  /// PostgreSQL has no U+0000.
  @Test func aReplyIsStoredWithoutNUL() async throws {
    let sent = try await reply("好\0的。[SPLIT]\0[SPLIT]您说。", in: try await TestDatabase.emptyDatabase())
    #expect(sent.state == .completed && sent.replies.map(\.text) == ["好的。", "您说。"])
  }

  @Test func aReplyOfNothingButNULIsNone() async throws {
    let sent = try await reply("\0\0", in: try await TestDatabase.emptyDatabase())
    #expect(sent.state == .failed && sent.failure == .engineFailed)
  }

  /// Not after five tries, each under a lease that has to run out first.
  @Test func aReplyThatTheDatabaseNeverTakesFailsItsTurnAtOnce() async throws {
    let pool = try await TestDatabase.emptyDatabase()
    _ = try await Migrator.migrate(pool)
    _ = try await pool.query(
      Statement("refuse", "ALTER TABLE lifeecho.messages ADD CHECK (NOT '不可存。' = ANY (pieces))"))
    let took = try await ContinuousClock().measure {
      let sent = try await reply("不可存。", in: pool)
      #expect(sent.state == .failed && sent.failure == .engineFailed)
    }
    #expect(took < .milliseconds(ConversationSettings().lease_ms), "\(took)")
  }

  private func reply(_ text: String, in pool: PostgreSQLPool) async throws -> SentText {
    _ = try await Migrator.migrate(pool)
    let store = ConversationStore(pool: pool)
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let hub = ConversationHub(notifier: InProcessNotifier())
    let turns = TurnEngine(
      server: "server", store: store, model: Says(text: text), hub: hub, settings: ConversationSettings(),
      clock: MachineClock(), identifiers: RandomIdentifiers(), launcher: PlainTasks(), logger: logger)
    let service = ConversationService(
      store: store, hub: hub, turns: turns, settings: ConversationSettings(), clock: MachineClock(),
      identifiers: RandomIdentifiers(), logger: logger)
    let user = UserID(UUID().uuidString)
    _ = try await store.upsertUser(UserChange(id: user), now: MachineClock().now())
    return try await service.sendText(
      user, SendText(conversation: "c", text: "我小时候住在河边", request: "", chip: "", clientTime: nil),
      mode: .wait(deadline: nil))
  }
}

/// Says the same to everything.
private struct Says: ChatModel {
  let name = "says"
  let text: String

  func reply(to request: ChatRequest) -> AsyncThrowingStream<String, any Error> {
    AsyncThrowingStream {
      $0.yield(text)
      $0.finish()
    }
  }
}
