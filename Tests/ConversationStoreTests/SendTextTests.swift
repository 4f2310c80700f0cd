import Conversation
import ConversationStore
import Foundation
import Interview
import Testing

@Suite struct SendTextTests {
  @Test func aMessageIsStoredItsTurnLeasedAndItsEventsAnsweredAsTheyAreReplayed() async throws {
    let person = try await Person()
    let said = Timestamp(microseconds: 1_773_806_399_123_456)
    let sent = try await person.send("我小时候\n住在“河边”\\\"😀\u{1}", request: "r1", clientTime: said)
    #expect(!sent.duplicate && sent.sequence == 1 && sent.turnState == .running)
    #expect(sent.quota.turnsLimit == 30 && sent.quota.turnsUsed == 1 && sent.quota.speechLimit_ms == 1_200_000)
    let leased = try #require(sent.leased)
    #expect(leased.lease == TurnLease(turn: sent.turn, number: 1) && leased.attempt == 1 && leased.kind == .reply)
    #expect(leased.request == "r1" && leased.context.history.isEmpty && leased.context.turnOrdinal == 1)
    #expect(leased.message?.text == "我小时候\n住在“河边”\\\"😀\u{1}" && leased.context.timeZone == "Asia/Shanghai")
    #expect(leased.context.interviewState == "" && leased.context.interviewVersion == 0)
    let log = try await person.log()
    #expect(log == sent.events && log.count == 2)
    #expect(
      log[0].kind
        == .userMessage(
          UserMessage(
            id: sent.message, text: "我小时候\n住在“河边”\\\"😀\u{1}", source: .text, chipID: nil, clientTime: said)))
    #expect(log[1].kind == .turnStarted(kind: .reply, attempt: 1) && log[1].turn == sent.turn)
    #expect(log.allSatisfy { $0.request == "r1" && $0.createTime == person.now })
    #expect(try await person.count("SELECT count(*) FROM lifeecho.memoir_outbox WHERE user_id = $1") == 1)
  }

  @Test func aSecondMessageWaitsAndIsLeasedWithTheEndOfTheFirstTurn() async throws {
    var person = try await Person()
    let first = try await person.send("一")
    let second = try await person.send("二")
    let third = try await person.send("三")
    #expect(second.turnState == .queued && second.leased == nil && second.events.count == 1 && second.sequence == 3)
    person.now.microseconds += 5_000_000
    let end = try #require(try await person.complete(first.leased).ended)
    #expect(end.events.map(\.sequence) == [5, 6, 7, 8])
    #expect(end.events.last?.kind == .turnStarted(kind: .reply, attempt: 1) && end.events.last?.turn == second.turn)
    let next = try #require(end.next)
    #expect(next.message?.text == "二" && next.lease == TurnLease(turn: second.turn, number: 1))
    // What was said after it is not part of its history; the reply before it is.
    #expect(next.context.history.map(\.text) == ["一", "河边真好。\n那时候家里有谁？"])
    #expect(next.context.history.map(\.role) == [.user, .agent] && next.context.turnOrdinal == 2)
    #expect(next.context.interviewState == "{\"n\":0}" && next.context.interviewVersion == 1)
    #expect(next.context.stage == "childhood" && next.context.lastMessageTime == person.now)
    let last = try #require(try await person.fail(next).ended?.next)
    #expect(last.lease.turn == third.turn && last.context.history.map(\.text).last == "二")
    let log = try await person.log()
    #expect(isGapless(log))
    #expect(log.contains { $0.kind == .turnFailed(kind: .reply, reason: .engineTimedOut, retryable: true) })
    #expect(try await person.record().messageCount == 4)
  }

  @Test func theSameRequestAgainAnswersTheSameAndAnotherPayloadIsRefused() async throws {
    var person = try await Person()
    let first = try await person.send("你好", request: "r")
    let again = try await person.send("你好", request: "r")
    #expect(again.duplicate && again.message == first.message && again.turn == first.turn)
    #expect(again.sequence == 1 && again.turnState == .running && again.leased == nil && again.events.isEmpty)
    #expect(again.quota == first.quota)
    try await person.complete(first.leased)
    #expect(try await person.send("你好", request: "r").turnState == .completed)
    await #expect(throws: ConversationError.requestIDReused) { try await person.send("别的", request: "r") }
    let owner = person.conversation
    person.conversation = ConversationID("other-" + Person.id())
    await #expect(throws: ConversationError.requestIDReused) { try await person.send("你好", request: "r") }
    // The refused command left no conversation behind.
    await #expect(throws: ConversationError.conversationUnknown) { try await person.record() }
    person.conversation = owner
    #expect(try await person.log().count == 5)
  }

  @Test func fiftyTimesTheSameAtOnceIsOneMessage() async throws {
    let person = try await Person()
    let outcomes = try await withThrowingTaskGroup(of: SendTextOutcome.self) { group in
      for _ in 0..<50 { group.addTask { try await person.send("同一句话", request: "race") } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(outcomes.count { !$0.duplicate } == 1 && Set(outcomes.map(\.message)).count == 1)
    #expect(Set(outcomes.map(\.turn)).count == 1 && outcomes.count { $0.leased != nil } == 1)
    #expect(outcomes.allSatisfy { $0.sequence == 1 && $0.quota.turnsUsed == 1 })
    #expect(try await person.log().count == 2)
  }

  @Test func oneRequestOnTwoConversationsAtOnceIsTakenOnce() async throws {
    for _ in 0..<10 {
      let person = try await Person()
      var other = person
      other.conversation = ConversationID("other-" + Person.id())
      let request = RequestID(Person.id())
      let results = await [person, other].concurrentMap { one in try await one.send("话", request: request) }
      #expect(results.count { (try? $0.get()) != nil } == 1)
      #expect(results.count { $0.failure as? ConversationError == .requestIDReused } == 1)
    }
  }

  @Test func twoUsersRacingForOneIdHaveOneOwner() async throws {
    for _ in 0..<10 {
      let first = try await Person()
      var second = try await Person()
      second.conversation = first.conversation
      let results = await [first, second].concurrentMap { one in try await one.send() }
      #expect(results.count { (try? $0.get()) != nil } == 1)
      #expect(results.count { $0.failure as? ConversationError == .conversationForbidden } == 1)
      #expect(
        try await first.count("SELECT count(*) FROM lifeecho.conversations WHERE user_id = $1")
          + second.count("SELECT count(*) FROM lifeecho.conversations WHERE user_id = $1") == 1)
    }
  }

  @Test func unknownUsersAndDeletedConversationsAreRefused() async throws {
    let person = try await Person()
    try await person.send()
    try await person.store.deleteConversation(user: person.user, conversation: person.conversation, now: person.now)
    await #expect(throws: ConversationError.conversationDeleted) { try await person.send() }
    _ = try await person.store.deleteUser(person.user)
    await #expect(throws: ConversationError.userUnknown) { try await person.send() }
  }

  @Test func aTextEqualToALastChipCountsAsThatChipOnce() async throws {
    let person = try await Person()
    let chips = Interviewer.chips(state: InterviewState(), max: 3)
    #expect(chips.count == 3)
    try await person.complete(try await person.send().leased, chips: chips)
    let tapped = try await person.send(" \(chips[1].text)\n")
    guard case .userMessage(let message) = tapped.events[0].kind else { throw Failure() }
    #expect(message.chipID == chips[1].id && message.source == .chip && message.text == " \(chips[1].text)\n")
    #expect(tapped.leased?.message?.chipID == chips[1].id)
    try await person.complete(tapped.leased)
    #expect(try await person.send(chips[0].text).leased?.message?.chipID == nil)
    let stored = try await person.store.messages(
      user: person.user, conversation: person.conversation, after: 0, limit: 10)
    #expect(stored.map(\.source) == [.text, .reply, .chip, .reply, .text])
    #expect(stored.map(\.chipID) == [nil, nil, chips[1].id, nil, nil])
    // Chips are no memoir material.
    #expect(try await person.count("SELECT count(*) FROM lifeecho.memoir_outbox WHERE user_id = $1") == 2)
  }

  @Test func chipsShownByAConnectAreKnownAndAChipIDNeedsNoText() async throws {
    let person = try await Person()
    _ = try await person.connect()
    let chip = Interviewer.chips(state: InterviewState(), max: 1)[0]
    try await person.store.setChips(user: person.user, conversation: person.conversation, chips: [chip])
    #expect(try await person.connect().lastChipIDs == [chip.id])
    #expect(try await person.send("随便", chip: "chip-7").leased?.message?.chipID == "chip-7")
    #expect(try await person.connect().lastChipIDs == [])
  }

  @Test func aProfileAnswerIsNoMemoirMaterialButTheMessageAfterItIs() async throws {
    let person = try await Person()
    let sent = try await person.send()
    var completion = person.completion(try #require(sent.leased))
    completion.awaitsProfileAnswer = true
    _ = try await person.store.completeTurn(completion)
    try await person.send("一九五二年")
    #expect(try await person.count("SELECT count(*) FROM lifeecho.memoir_outbox WHERE user_id = $1") == 1)
    try await person.send("那年冬天很冷")
    #expect(try await person.count("SELECT count(*) FROM lifeecho.memoir_outbox WHERE user_id = $1") == 2)
  }

  @Test func twoHundredConversationsAtOnceHaveGaplessLogsInCommitOrder() async throws {
    let people = try await withThrowingTaskGroup(of: Person.self) { group in
      for _ in 0..<200 { group.addTask { try await Person() } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for person in people {
        for index in 0..<3 {
          group.addTask {
            var leased = try await person.send("第\(index)句").leased
            while let turn = leased {
              leased = try await person.complete(turn).ended?.next
            }
          }
        }
      }
      try await group.waitForAll()
    }
    for person in people {
      let log = try await person.log()
      #expect(isGapless(log) && log.count == 15, "\(log.count) events")
      #expect(try await person.record().headSequence == 15)
      var running: TurnID?
      for event in log {
        switch event.kind {
        case .turnStarted:
          #expect(running == nil)
          running = event.turn
        case .turnCompleted:
          #expect(running == event.turn)
          running = nil
        default: break
        }
      }
    }
  }
}

struct Failure: Error {}

extension Result {
  var failure: (any Error)? { if case .failure(let error) = self { error } else { nil } }
}

extension Sequence where Element: Sendable {
  func concurrentMap<R: Sendable>(
    _ body: @escaping @Sendable (Element) async throws -> R
  ) async -> [Result<R, any Error>] {
    await withTaskGroup(of: Result<R, any Error>.self) { group in
      for element in self {
        group.addTask {
          do { return .success(try await body(element)) } catch { return .failure(error) }
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
  }
}
