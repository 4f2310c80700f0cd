import Conversation
import ConversationStore
import Foundation
import Interview
import Logging
import PostgreSQL
import TestSupport
import Testing

/// What a person waits for in statements that are answered one after another.
@Suite struct RoundTripTests {
  /// Nothing by the clock runs here: what is counted is the calls' own.
  @Test func aTurnTakesTwoAndAConnectThreeAtMost() async throws {
    let pool = try await TestDatabase.emptyDatabase()
    _ = try await Migrator.migrate(pool)
    let store = ConversationStore(pool: pool)
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let hub = ConversationHub(notifier: InProcessNotifier())
    let turns = TurnEngine(
      server: "server", store: store, model: Echo(), hub: hub, settings: ConversationSettings(), clock: MachineClock(),
      identifiers: RandomIdentifiers(), launcher: PlainTasks(), logger: logger)
    let service = ConversationService(
      store: store, hub: hub, turns: turns, settings: ConversationSettings(), clock: MachineClock(),
      identifiers: RandomIdentifiers(), logger: logger)
    let user = UserID(UUID().uuidString)
    _ = try await store.upsertUser(UserChange(id: user), now: MachineClock().now())

    func trips<Result>(_ work: () async throws -> Result) async throws -> (UInt64, Result) {
      let before = pool.statistics.roundTrips
      let result = try await work()
      return (pool.statistics.roundTrips - before, result)
    }
    func connect(_ resume: Connect.Resume) async throws -> UInt64 {
      let (count, stream) = try await trips {
        try await service.connect(
          user,
          Connect(
            conversation: "c", interactive: true, resume: resume, device: "", untilTurn: "", expires: nil)
        ) { _ in }
      }
      #expect(stream != nil)
      return count
    }
    #expect(try await connect(.live) <= 3, "creates the conversation and begins its greeting")
    try await waitUntil { turns.openCount == 0 }
    #expect(try await connect(.live) == 1)
    for text in ["你好", "我小时候住在河边", "那时候家里有六口人"] {
      let (count, sent) = try await trips {
        try await service.sendText(
          user, SendText(conversation: "c", text: text, request: UUID().uuidString, chip: "", clientTime: nil),
          mode: .wait(deadline: nil))
      }
      #expect(sent.state == .completed && !sent.replies.isEmpty)
      #expect(count == 2, "the message and its turn; the reply and what the turn leaves behind")
    }
  }
}
