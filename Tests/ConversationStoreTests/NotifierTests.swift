import Conversation
@testable import ConversationStore
import PostgreSQL
import Testing

@Suite struct NotifierTests {
  @Test(.timeLimit(.minutes(1))) func hintsReachOtherServersGatheredAndNotTheirSender() async throws {
    let pool = try await TestDatabase.emptyDatabase()
    let sender = PostgreSQLNotifier(pool: pool, server: "a")
    let own = sender.hints()
    let other = PostgreSQLNotifier(pool: pool, server: "b").hints()
    var iterator = other.makeAsyncIterator()
    var ownIterator = own.makeAsyncIterator()
    guard case .missed? = await iterator.next(), case .missed? = await ownIterator.next() else { throw Failure() }
    let before = pool.statistics.commands
    for head in 1...1000 {
      sender.publish(ConversationHint(conversation: ConversationID("会话\"\(head % 10)"), head: Int64(head)))
    }
    var latest: [ConversationID: Int64] = [:]
    while latest.values.filter({ $0 > 990 }).count < 10 {
      guard case .hint(let hint)? = await iterator.next() else { throw Failure() }
      latest[hint.conversation] = max(hint.head, latest[hint.conversation] ?? 0)
    }
    #expect(latest.count == 10 && latest["会话\"0"] == 1000)
    #expect(pool.statistics.commands - before < 10)
    PostgreSQLNotifier(pool: pool, server: "b").publish(ConversationHint(conversation: "zurück", head: 1))
    guard case .hint(let back)? = await ownIterator.next() else { throw Failure() }
    #expect(back == ConversationHint(conversation: "zurück", head: 1))
    await pool.stop()
  }

  @Test(.timeLimit(.minutes(1))) func otherServersHearOfAnErasedUser() async throws {
    let pool = try await TestDatabase.emptyDatabase()
    var events = PostgreSQLNotifier(pool: pool, server: "b").hints().makeAsyncIterator()
    guard case .missed? = await events.next() else { throw Failure() }
    let hub = ConversationHub(notifier: PostgreSQLNotifier(pool: pool, server: "a"))
    hub.remove("老\"张" as UserID)
    guard case .erased("老\"张")? = await events.next() else { throw Failure() }
    hub.remove("c" as ConversationID)
    guard case .hint(ConversationHint(conversation: "c", head: ConversationHint.gone))? = await events.next() else {
      throw Failure()
    }
    await pool.stop()
  }

  @Test func payloadsFitAndWhatDoesNotIsALookEverywhere() throws {
    let many = (0..<3000).map { ConversationHint(conversation: ConversationID("conversation-\($0)"), head: Int64($0)) }
    let payloads = HintMessage.payloads(server: "s\"1", hints: many, isIncomplete: false)
    #expect(payloads.allSatisfy { $0.utf8.count <= 7_900 } && payloads.count <= 16)
    let messages = payloads.map(HintMessage.init(payload:))
    #expect(messages.allSatisfy { $0?.server == "s\"1" && $0?.isIncomplete == false })
    #expect(messages.flatMap { $0?.hints ?? [] } == many)
    let tooMany = (0..<20_000).map { ConversationHint(conversation: ConversationID("conversation-\($0)"), head: 1) }
    let cut = HintMessage.payloads(server: "s", hints: tooMany, isIncomplete: false)
    #expect(cut.count <= 16 && cut.allSatisfy { $0.utf8.count <= 7_900 })
    #expect(cut.last.flatMap(HintMessage.init(payload:))?.isIncomplete == true)
    #expect(HintMessage.payloads(server: "s", hints: [], isIncomplete: false).isEmpty)
    for text in ["", "x", "{}", "{\"s\":1}", "{\"s\":\"a\",\"c\":[[1,2]]}"] {
      #expect(HintMessage(payload: text) == nil)
    }
  }
}
