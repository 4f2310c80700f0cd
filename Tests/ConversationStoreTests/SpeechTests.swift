import Conversation
import ConversationStore
import Foundation
import Interview
import Testing

@Suite struct SpeechTests {
  @Test func aCancelRaisesTheEpochAndSaysWhatWasHeard() async throws {
    let person = try await Person()
    let (turn, reply) = try await person.spoken(["河边真好。", "那时候家里有谁？"])
    let outcome = try await person.cancel(turn: turn, heard: .init(reply: reply, text: "河边真好。"), request: "r")
    #expect(outcome.epoch == 1 && !outcome.duplicate && outcome.through == 5)
    #expect(outcome.events.map(\.sequence) == [6])
    let event = try #require(outcome.events.first)
    let stored = try await person.messages()
    #expect(event.turn == turn && event.request == "r" && event.createTime == person.now)
    let message = try #require(stored.last)
    #expect(
      event.kind
        == .speechFinished(
          SpeechFinish(message: message.id, cancelled: true, heardText: "河边真好。", cancelEpoch: 1, through: 5)))
    #expect(message.pieces == ["河边真好。", "那时候家里有谁？"] && message.heardText == "河边真好。")
    let log = try await person.log()
    #expect(log.last == event && isGapless(log))
    #expect(try await person.epoch() == 1)
    #expect(try await person.record().headSequence == 6)
  }

  @Test func whatWasHeardIsWhatLaterTurnsKnow() async throws {
    let person = try await Person()
    let (_, reply) = try await person.spoken(["河边真好。", "那时候家里有谁？"])
    try await person.cancel(heard: .init(reply: reply, text: "河边"))
    let next = try await person.send("等一下")
    let interrupted = DialogueMessage(.agent, "河边", isInterrupted: true)
    #expect(
      next.leased?.context.history == [DialogueMessage(.user, "我小时候住在河边"), interrupted])
    // The same in what a connect, a greeting and a queued turn are given.
    let history = try await person.connect().context.history
    #expect(history.dropLast() == [DialogueMessage(.user, "我小时候住在河边"), interrupted])
    let waiting = try await person.send("还有一句")
    #expect(waiting.leased == nil)
    let end = try await person.complete(next.leased)
    let after = try #require(end.ended?.next)
    #expect(after.context.history.prefix(2) == [DialogueMessage(.user, "我小时候住在河边"), interrupted])
  }

  @Test func nothingHeardIsKnownToo() async throws {
    let person = try await Person()
    let (_, reply) = try await person.spoken(["河边真好。"])
    try await person.cancel(heard: .init(reply: reply, text: ""))
    #expect(try await person.messages().last?.heardText == "")
    #expect(
      try await person.send("等一下").leased?.context.history.last == DialogueMessage(.agent, "", isInterrupted: true))
  }

  @Test func withoutAPositionNothingIsCut() async throws {
    let person = try await Person()
    try await person.spoken(["河边真好。", "那时候呢？"])
    let outcome = try await person.cancel()
    guard case .speechFinished(let finish)? = outcome.events.first?.kind else { Issue.record("no event"); return }
    #expect(finish.heardText == "河边真好。\n那时候呢？" && finish.cancelEpoch == 1)
    #expect(try await person.messages().last?.heardText == nil)
    #expect(try await person.send("好").leased?.context.history.last == DialogueMessage(.agent, "河边真好。\n那时候呢？"))
    // The position may follow; then it is cut after all.
    let reply = try await person.firstReply()
    let late = try await person.cancel(heard: .init(reply: reply.sequence, text: "河边真好。"))
    #expect(late.epoch == 2 && late.events.count == 1)
    let again = try await person.cancel(heard: .init(reply: reply.sequence, text: "别的"))
    #expect(again.epoch == 2 && again.duplicate && again.events.isEmpty)
    #expect(try await person.firstReply().heardText == "河边真好。")
  }

  @Test func nothingToCancelChangesNothing() async throws {
    let person = try await Person()
    await #expect(throws: ConversationError.conversationUnknown) { try await person.cancel() }
    try await person.send()
    let outcome = try await person.cancel(request: "r")
    #expect(outcome.epoch == 0 && outcome.duplicate && outcome.events.isEmpty)
    #expect(try await person.log().count == 2)
    #expect(try await person.cancel(heard: .init(reply: 1, text: "我")).events.isEmpty, "that is the user's own message")
    let messages = try await person.messages()
    #expect(messages.allSatisfy { $0.heardText == nil })
  }

  @Test func theSameRequestGetsTheSameAnswer() async throws {
    let person = try await Person()
    try await person.spoken(["河边真好。"])
    let first = try await person.cancel(request: "r")
    try await person.spoken(["后来呢？"])
    #expect(try await person.cancel(request: "s").epoch == 2)
    let again = try await person.cancel(request: "r")
    #expect(first.epoch == 1 && again.epoch == 1 && again.duplicate && again.events.isEmpty)
    #expect(try await person.epoch() == 2)
    await #expect(throws: ConversationError.requestIDReused) { try await person.cancel(request: "r", digest: "other") }
  }

  @Test func aTurnNamesItsReplyAndThoseBefore() async throws {
    let person = try await Person()
    let (first, _) = try await person.spoken(["一。"])
    let (second, _) = try await person.spoken(["二。"])
    let outcome = try await person.cancel(turn: first)
    #expect(outcome.through == 4 && outcome.epoch == 1)
    #expect(try await person.cancel(turn: first).duplicate)
    let later = try await person.cancel(turn: second)
    #expect(later.through == 8 && later.epoch == 2)
    await #expect(throws: ConversationError.turnUnknown) { try await person.cancel(turn: "nothing") }
    // A turn that has not answered: what was said so far.
    let open = try await person.send()
    #expect(try await person.cancel(turn: open.turn).duplicate)
    try await person.complete(open.leased)
    #expect(try await person.cancel(turn: open.turn).epoch == 3)
  }

  @Test func whoseItIs() async throws {
    let person = try await Person()
    try await person.spoken(["一。"])
    var stranger = try await Person()
    stranger.conversation = person.conversation
    let other = stranger
    await #expect(throws: ConversationError.conversationForbidden) { try await other.cancel() }
    try await person.store.deleteConversation(user: person.user, conversation: person.conversation, now: person.now)
    await #expect(throws: ConversationError.conversationDeleted) { try await person.cancel() }
    let gone = try await person.store.reply(user: person.user, conversation: person.conversation, turn: nil)
    #expect(gone == nil)
  }

  @Test func theReplyThatACancelIsAbout() async throws {
    let person = try await Person()
    #expect(try await person.epoch() == 0)
    let (first, one) = try await person.spoken(["一。", "一点。"])
    let (second, two) = try await person.spoken(["二。"])
    let asked = try await person.store.reply(user: person.user, conversation: person.conversation, turn: first)
    let named = try #require(asked)
    #expect(named.turn == first && named.sequence == one && named.pieces == ["一。", "一点。"])
    let last = try await person.store.reply(user: person.user, conversation: person.conversation, turn: nil)
    let newest = try #require(last)
    #expect(newest.turn == second && newest.sequence == two)
    let none = try await person.store.reply(user: person.user, conversation: person.conversation, turn: "no")
    #expect(none == nil)
  }

  @Test func cancelsAtOnceAreCountedOnceEach() async throws {
    let person = try await Person()
    try await person.spoken(["一。"])
    let outcomes = try await withThrowingTaskGroup(of: CancelSpeechOutcome.self) { group in
      for _ in 0..<20 { group.addTask { try await person.cancel() } }
      var all: [CancelSpeechOutcome] = []
      for try await outcome in group { all.append(outcome) }
      return all
    }
    #expect(outcomes.filter { !$0.duplicate }.count == 1 && outcomes.allSatisfy { $0.epoch == 1 })
    #expect(isGapless(try await person.log()))
  }
}

extension Person {
  /// A turn with this reply; the sequence of its first piece.
  @discardableResult
  fileprivate func spoken(_ pieces: [String]) async throws -> (turn: TurnID, reply: Int64) {
    let sent = try await send()
    let leased = try #require(sent.leased)
    let end = try await store.completeTurn(completion(leased, pieces: pieces))
    return (sent.turn, try #require(end.ended?.events.first).sequence)
  }

  @discardableResult
  fileprivate func cancel(
    turn: TurnID? = nil, heard: CancelSpeechCommand.Heard? = nil, request: RequestID? = nil, digest: String = "d"
  ) async throws -> CancelSpeechOutcome {
    try await store.cancelSpeech(
      CancelSpeechCommand(
        user: user, conversation: conversation, turn: turn, heard: heard, request: request,
        digest: Self.digest(digest), now: now))
  }

  fileprivate func epoch() async throws -> Int64 {
    try await store.cancelEpoch(user: user, conversation: conversation)
  }

  fileprivate func firstReply() async throws -> MessageRecord {
    let messages = try await messages()
    return try #require(messages.first { $0.role == .agent })
  }

  fileprivate func messages() async throws -> [MessageRecord] {
    try await store.messages(user: user, conversation: conversation, after: 0, limit: 100)
  }
}
