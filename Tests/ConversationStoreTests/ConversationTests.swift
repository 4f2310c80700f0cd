import Conversation
import ConversationStore
import Foundation
import Interview
import Testing

@Suite struct ConversationTests {
  @Test func anEndIsOneEventAndAMessageReopens() async throws {
    let person = try await Person()
    await #expect(throws: ConversationError.conversationUnknown) { try await person.end() }
    try await person.complete(try await person.send().leased)
    let ended = try await person.end(request: "e")
    #expect(!ended.duplicate && ended.sequence == 6 && ended.events.map(\.kind) == [.conversationEnded])
    #expect(ended.events[0].request == "e" && ended.events[0].turn == nil)
    #expect(try await person.log().last == ended.events[0])
    let record = try await person.record()
    #expect(record.status == .ended && record.endTime == person.now)
    #expect(
      try await person.count(
        "SELECT count(*) FROM lifeecho.memoir_outbox WHERE user_id = $1 AND flush_requested") == 1)
    for request in ["e", "f", nil] as [RequestID?] {
      let again = try await person.end(request: request)
      #expect(again.duplicate && again.sequence == 6 && again.events.isEmpty)
    }
    _ = try await person.connect()
    #expect(try await person.record().status == .ended)
    try await person.send()
    #expect(try await person.record().status == .active)
    // The request that ended it then does not end it now.
    #expect(try await person.end(request: "e").sequence == 6)
    #expect(try await person.record().status == .active)
    #expect(try await person.end().sequence == 9)
    await #expect(throws: ConversationError.requestIDReused) {
      try await person.store.endConversation(
        EndCommand(
          user: person.user, conversation: person.conversation, request: "e", digest: [1], now: person.now))
    }
  }

  @Test func fiftyEndsAtOnceAreOneEvent() async throws {
    let person = try await Person()
    try await person.send()
    let ends = try await (0..<50).concurrentMap { _ in try await person.end() }.map { try $0.get() }
    #expect(ends.count { !$0.duplicate } == 1 && Set(ends.map(\.sequence)) == [3])
  }

  @Test func aDeletedConversationIsSeenByNobodyAndDeletingAgainIsFine() async throws {
    let person = try await Person()
    let sent = try await person.send()
    for _ in 0..<2 {
      try await person.store.deleteConversation(user: person.user, conversation: person.conversation, now: person.now)
    }
    let reads: [@Sendable () async throws -> Void] = [
      { _ = try await person.record() }, { _ = try await person.log() }, { _ = try await person.end() },
      { _ = try await person.retry(sent.turn) }, { _ = try await person.greet() },
      {
        _ = try await person.store.messages(
          user: person.user, conversation: person.conversation, after: 0, limit: 1)
      },
      { _ = try await person.store.turn(user: person.user, conversation: person.conversation, turn: sent.turn) },
      {
        _ = try await person.store.acknowledge(
          user: person.user, conversation: person.conversation, device: "d", sequence: 1, now: person.now)
      },
      { try await person.store.setChips(user: person.user, conversation: person.conversation, chips: []) },
    ]
    for read in reads {
      await #expect(throws: ConversationError.conversationDeleted) { try await read() }
    }
    #expect(try await person.store.conversations(user: person.user, before: nil, limit: 10).isEmpty)
    await #expect(throws: ConversationError.conversationUnknown) {
      try await person.store.deleteConversation(user: person.user, conversation: "nothing", now: person.now)
    }
  }

  @Test func conversationsAreListedLatestFirstInPages() async throws {
    var person = try await Person()
    let start = person.now
    var expected: [ConversationID] = []
    for index in 0..<9 {
      person.conversation = ConversationID("list-\(index)-" + Person.id())
      // Three of one time, ordered by id; some without messages.
      person.now.microseconds = start.microseconds + Int64(index / 3) * 1_000_000
      if index % 2 == 0 { try await person.send() } else { _ = try await person.connect() }
      expected.append(person.conversation)
    }
    expected = [expected[6...8], expected[3...5], expected[0...2]].flatMap { $0.sorted { $0.rawValue < $1.rawValue } }
    var listed: [ConversationID] = []
    var cursor: ConversationCursor?
    while true {
      let page = try await person.store.conversations(user: person.user, before: cursor, limit: 2)
      listed += page.map(\.id)
      guard page.count == 2, let last = page.last else { break }
      cursor = ConversationCursor(lastMessageTime: last.lastMessageTime ?? last.createTime, conversation: last.id)
    }
    #expect(listed == expected)
    await #expect(throws: ConversationError.userUnknown) {
      try await person.store.conversations(user: "nobody", before: nil, limit: 1)
    }
  }

  @Test func messagesAreListedOldestFirstInPages() async throws {
    let person = try await Person()
    for _ in 0..<5 { try await person.complete(try await person.send().leased) }
    var sequences: [Int64] = []
    var after: Int64 = 0
    while true {
      let page = try await person.store.messages(
        user: person.user, conversation: person.conversation, after: after, limit: 3)
      sequences += page.map(\.sequence)
      guard let last = page.last else { break }
      after = last.sequence
    }
    #expect(sequences == [1, 3, 6, 8, 11, 13, 16, 18, 21, 23])
    var stranger = try await Person()
    stranger.conversation = person.conversation
    await #expect(throws: ConversationError.conversationForbidden) { try await stranger.log() }
    await #expect(throws: ConversationError.conversationForbidden) { try await stranger.record() }
  }

  @Test func headsAreToldInTheOrderAskedFor() async throws {
    let first = try await Person()
    let second = try await Person()
    try await first.send()
    try await second.complete(try await second.send().leased)
    let heads = try await first.store.heads(
      of: [
        (second.user, second.conversation), (first.user, second.conversation), (first.user, first.conversation),
        (second.user, second.conversation),
      ])
    #expect(heads == [5, nil, 2, 5])
    #expect(try await first.store.heads(of: []) == [])
  }

  @Test func theHistoryHoldsTheLastFortyMessagesOldestFirst() async throws {
    let person = try await Person(tier: .premium)
    for index in 0..<30 { try await person.complete(try await person.send("第\(index)句").leased) }
    let history = try #require(try await person.send("最后").leased?.context.history)
    #expect(history.count == 40 && history[0].text == "第10句" && history[38].text == "第29句")
    #expect(history[39].role == .agent)
  }
}
