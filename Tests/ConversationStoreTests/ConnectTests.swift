import Conversation
import ConversationStore
import Foundation
import Interview
import Testing

@Suite struct ConnectTests {
  @Test func anInteractiveConnectCreatesOnceAndAnObserverNever() async throws {
    let person = try await Person()
    await #expect(throws: ConversationError.conversationUnknown) { try await person.connect(interactive: false) }
    let first = try await person.connect()
    #expect(first.created && first.head == 0 && first.messageCount == 0 && first.recovered && !first.hasOpenTurn)
    #expect(first.replayAfter == nil && first.replay.isEmpty && first.openGreeting == nil && first.untilTurn == nil)
    #expect(first.epoch.count == 32 && first.quota.turnsLimit == 30 && first.context.lastMessageTime == nil)
    #expect(first.context.turnOrdinal == 0 && first.context.stage == "")
    let again = try await person.connect()
    #expect(!again.created && again.epoch == first.epoch)
    #expect(try await person.connect(interactive: false).epoch == first.epoch)
    var stranger = try await Person()
    stranger.conversation = person.conversation
    await #expect(throws: ConversationError.conversationForbidden) { try await stranger.connect() }
    await #expect(throws: ConversationError.conversationForbidden) { try await stranger.connect(interactive: false) }
    try await person.store.deleteConversation(user: person.user, conversation: person.conversation, now: person.now)
    await #expect(throws: ConversationError.conversationDeleted) { try await person.connect() }
    await #expect(throws: ConversationError.conversationForbidden) { try await stranger.send() }
  }

  @Test func twoConnectsAtOnceCreateOnceAndGreetOnce() async throws {
    for _ in 0..<10 {
      let person = try await Person()
      let connects = try await [1, 2].concurrentMap { _ in try await person.connect() }.map { try $0.get() }
      #expect(connects.count { $0.created } == 1)
      let greetings = try await [1, 2, 3, 4].concurrentMap { _ in try await person.greet() }.map { try $0.get() }
      var leased: LeasedTurn?
      var open: [TurnID] = []
      for greeting in greetings {
        switch greeting {
        case .leased(let turn, let events):
          #expect(leased == nil && events.map(\.kind) == [.turnStarted(kind: .opening, attempt: 1)])
          leased = turn
        case .open(let turn, let kind):
          #expect(kind == .opening)
          open.append(turn)
        case .notDue, .used: Issue.record("not due")
        }
      }
      let turn = try #require(leased)
      #expect(open == Array(repeating: turn.lease.turn, count: 3) && turn.message == nil && turn.kind == .opening)
      let late = try await person.connect()
      #expect(late.hasOpenTurn && late.openGreeting?.turn == turn.lease.turn && late.openGreeting?.kind == .opening)
      #expect(try await person.complete(turn).ended?.events.last?.kind == .turnCompleted(kind: .opening, quota: nil))
      guard case .notDue = try await person.greet() else { throw Failure() }
      let messages = try await person.store.messages(
        user: person.user, conversation: person.conversation, after: 0, limit: 10)
      #expect(messages.map(\.source) == [.greeting])
    }
  }

  @Test func aGreetingIsNotDueWhileAReplyIsOpen() async throws {
    let person = try await Person()
    try await person.send()
    guard case .notDue = try await person.greet(expecting: 1) else { throw Failure() }
    let unknown = try await Person()
    await #expect(throws: ConversationError.conversationUnknown) { try await unknown.greet() }
  }

  @Test func theReplayBeginsAfterEverySequenceAndComesInPages() async throws {
    let person = try await Person()
    for _ in 0..<4 { try await person.complete(try await person.send(request: RequestID(Person.id())).leased) }
    let log = try await person.log()
    #expect(log.count == 20)
    let epoch = try await person.connect().epoch
    for after in 0...20 {
      let outcome = try await person.connect(replay: .after(sequence: Int64(after), epoch: after % 2 == 0 ? epoch : ""))
      #expect(outcome.recovered && outcome.replayAfter == Int64(after) && outcome.head == 20)
      #expect(outcome.replay == Array(log.dropFirst(after)))
    }
    #expect(try await person.connect(replay: .after(sequence: 3, epoch: epoch), limit: 5).replay == Array(log[3..<8]))
    for replay in [ConnectCommand.Replay.after(sequence: 21, epoch: epoch), .after(sequence: 1, epoch: "other")] {
      let lost = try await person.connect(replay: replay)
      #expect(!lost.recovered && lost.replayAfter == nil && lost.replay.isEmpty)
    }
    let page = try await person.store.events(
      user: person.user, conversation: person.conversation, after: 4, through: 9, limit: 100)
    #expect(page == Array(log[4..<9]))
  }

  @Test func aConversationRemembersSixtyFourDevicesTheLatestOnes() async throws {
    var person = try await Person()
    try await person.send()
    func acknowledge(_ device: Int) async throws {
      person.now.microseconds += 1
      _ = try await person.store.acknowledge(
        user: person.user, conversation: person.conversation, device: "d\(device)", sequence: 1, now: person.now)
    }
    for device in 0..<64 { try await acknowledge(device) }
    try await acknowledge(0)
    try await acknowledge(64)
    let kept = "SELECT count(*) FROM lifeecho.device_positions WHERE user_id = $1"
    #expect(try await person.count(kept) == 64)
    #expect(try await person.count(kept + " AND device_id IN ('d0', 'd2', 'd64')") == 3)
    #expect(try await person.connect(replay: .fromAcknowledged(epoch: ""), device: "d1").replayAfter == 0)
  }

  @Test func aDevicesPositionNeverGoesBackAndIsWhereItsReplayBegins() async throws {
    let person = try await Person()
    try await person.complete(try await person.send().leased)
    let epoch = try await person.connect().epoch
    let fresh = try await person.connect(replay: .fromAcknowledged(epoch: epoch), device: "phone")
    #expect(fresh.replayAfter == 0 && fresh.replay.count == 5)
    for (asked, stored) in [(2, 2), (1, 2), (4, 4), (99, 5), (-3, 5)] as [(Int64, Int64)] {
      #expect(
        try await person.store.acknowledge(
          user: person.user, conversation: person.conversation, device: "phone", sequence: asked, now: person.now)
          == stored)
    }
    #expect(try await person.connect(replay: .fromAcknowledged(epoch: epoch), device: "phone").replay.isEmpty)
    #expect(try await person.connect(replay: .fromAcknowledged(epoch: epoch), device: "tablet").replay.count == 5)
    await #expect(throws: ConversationError.conversationUnknown) {
      try await person.store.acknowledge(
        user: person.user, conversation: "nothing", device: "phone", sequence: 1, now: person.now)
    }
  }

  @Test(arguments: [
    ("", "", ""), ("childhood", "", "childhood"), ("", "work", "work"), ("childhood", "work", "work"),
    ("work", "work", "work"), ("reflection", "childhood", "reflection"), ("strange", "childhood", "childhood"),
    ("work", "strange", "work"),
  ])
  func theStageIsAlignedForwardOnly(_ conversation: String, _ memoir: String, _ expected: String) async throws {
    let person = try await Person()
    var completion = person.completion(try #require(try await person.send().leased))
    completion.stage = conversation
    completion.interviewStage = memoir
    _ = try await person.store.completeTurn(completion)
    #expect(try await person.connect(interactive: false).context.stage == conversation)
    #expect(try await person.connect().context.stage == expected)
    #expect(try await person.record().stage == expected)
    #expect(Stage.aligned(conversation: conversation, memoir: memoir) == expected)
  }

  @Test func theTurnAskedForIsTold() async throws {
    let person = try await Person()
    let sent = try await person.send()
    let running = try #require(try await person.connect(until: sent.turn).untilTurn)
    #expect(running.state == .running && running.endSequence == nil && running.replyID == nil && running.kind == .reply)
    try await person.complete(sent.leased)
    let ended = try #require(try await person.connect(until: sent.turn).untilTurn)
    #expect(ended.state == .completed && ended.endSequence == 5 && ended.replyPieces.count == 2)
    #expect(
      ended == (try await person.store.turn(user: person.user, conversation: person.conversation, turn: sent.turn)))
    #expect(try await person.connect(until: "nothing").untilTurn == nil)
    #expect(
      try await person.store.turn(user: person.user, conversation: person.conversation, turn: "nothing") == nil)
  }
}
