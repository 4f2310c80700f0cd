import Conversation
import ConversationStore
import Foundation
import Interview
import TestSupport
import Testing

extension TurnsOfManyServers {
  @Suite struct TurnEndTests {
    @Test func aReplyIsStoredWholeWithItsQuotaAndStateAndProfile() async throws {
      let person = try await Person(apart: true)
      let sent = try await person.send(request: "r")
      var completion = person.completion(try #require(sent.leased))
      completion.profile.occupation = "木匠"
      completion.profile.birthYear = 1952
      completion.profile.nickname = "不改"
      completion.profile.declined = [.birthPlace, .grewUpPlace]
      completion.profileChanges = [.occupation, .birthYear, .birthPlace]
      completion.stage = "adolescence"
      completion.interviewStage = "adolescence"
      let end = try #require(try await person.store.completeTurn(completion).ended)
      #expect(end.next == nil && end.events.map(\.sequence) == [3, 4, 5])
      #expect(
        end.events.map(\.kind) == [
          .agentMessage(AgentPiece(id: completion.message, text: "河边真好。", index: 0, total: 2)),
          .agentMessage(AgentPiece(id: completion.message, text: "那时候家里有谁？", index: 1, total: 2)),
          .turnCompleted(kind: .reply, quota: sent.quota),
        ])
      #expect(end.events.allSatisfy { $0.request == "r" && $0.turn == sent.turn })
      #expect(try await person.log() == sent.events + end.events)
      let user = try #require(try await person.store.user(person.user))
      #expect(user.profile == Profile(birthYear: 1952, occupation: "木匠", declined: [.birthPlace]))
      let record = try await person.record()
      #expect(record.stage == "adolescence" && record.messageCount == 2 && record.headSequence == 5)
      let messages = try await person.store.messages(
        user: person.user, conversation: person.conversation, after: 0, limit: 10)
      #expect(messages.map(\.pieces) == [["我小时候住在河边"], ["河边真好。", "那时候家里有谁？"]])
      #expect(messages.map(\.role) == [.user, .agent] && messages[1].sequence == 3 && messages[1].turn == sent.turn)
      let turn = try await person.store.turn(user: person.user, conversation: person.conversation, turn: sent.turn)
      #expect(
        turn
          == TurnRecord(
            id: sent.turn, kind: .reply, state: .completed, attempt: 1, endSequence: 5, failure: nil,
            replyID: completion.message, replyPieces: completion.pieces))
      // A declined field that is told after all is declined no more.
      var told = person.completion(try #require(try await person.send().leased))
      told.profile.birthPlace = "苏州"
      told.profile.declined = []
      told.profileChanges = [.birthPlace]
      _ = try await person.store.completeTurn(told)
      #expect(try await person.store.user(person.user)?.profile.declined == [])
    }

    @Test func theSameCompletionAgainAnswersTheSameAndAnotherIsFenced() async throws {
      let person = try await Person(apart: true)
      let sent = try await person.send()
      let leased = try #require(sent.leased)
      let completion = person.completion(leased)
      let first = try #require(try await person.store.completeTurn(completion).ended)
      let again = try #require(try await person.store.completeTurn(completion).ended)
      #expect(again.events == first.events && again.next == nil)
      #expect(try await person.complete(leased).isFenced)
      #expect(try await person.fail(leased).isFenced)
      #expect(try await person.log().count == 5)
    }

    @Test func anOldLeaseAnUnknownTurnAndADeletedConversationAreFenced() async throws {
      var person = try await Person(apart: true)
      person.lease_ms = 1
      let sent = try await person.send()
      let old = try #require(sent.leased)
      person.lease_ms = 60_000
      let claimed = try await claim(person, by: "server-2")
      #expect(claimed.count == 1 && claimed[0].turn.lease == TurnLease(turn: sent.turn, number: 2))
      #expect(try await person.complete(old).isFenced)
      #expect(try await person.fail(old).isFenced)
      var unknown = person.completion(old)
      unknown.lease = TurnLease(turn: "nothing", number: 1)
      #expect(try await person.store.completeTurn(unknown).isFenced)
      try await person.store.deleteConversation(user: person.user, conversation: person.conversation, now: person.now)
      #expect(try await person.complete(claimed[0].turn).isFenced)
      _ = try await person.store.deleteUser(person.user)
      #expect(try await person.complete(claimed[0].turn).isFenced)
    }

    @Test func anotherConversationsChangeOfTheStateIsToldAndNothingIsWritten() async throws {
      let person = try await Person(apart: true)
      var other = person
      other.conversation = ConversationID("second-" + Person.id())
      let first = try await person.send("甲")
      let second = try await other.send("乙")
      try await other.complete(second.leased)
      let leased = try #require(first.leased)
      let context = try #require(try await person.complete(leased).changed)
      #expect(context.interviewVersion == 1 && context.interviewState == "{\"n\":0}" && context.history.isEmpty)
      #expect(context.turnOrdinal == 1)
      #expect(try await person.log().count == 2)
      var planned = leased
      planned.context = context
      #expect(try await person.complete(planned).ended?.events.count == 3)
    }

    @Test func aFailedTurnIsRetriedWithTheHistoryBeforeIt() async throws {
      let person = try await Person(apart: true)
      let sent = try await person.send("一")
      await #expect(throws: ConversationError.turnUnknown) { try await person.retry("nothing") }
      #expect(try await person.retry(sent.turn).state == .running)
      let failed = try #require(try await person.fail(sent.leased).ended)
      #expect(failed.events.map(\.kind) == [.turnFailed(kind: .reply, reason: .engineTimedOut, retryable: true)])
      #expect(
        try await person.store.turn(user: person.user, conversation: person.conversation, turn: sent.turn)?.failure
          == .engineTimedOut)
      let later = try await person.send("二")
      #expect(later.leased?.context.history.map(\.text) == ["一"])
      let waiting = try await person.retry(sent.turn)
      #expect(waiting.state == .queued && waiting.leased == nil && waiting.events.isEmpty)
      let next = try #require(try await person.complete(later.leased).ended?.next)
      #expect(next.lease == TurnLease(turn: sent.turn, number: 2) && next.attempt == 2)
      #expect(next.message?.text == "一" && next.context.history.isEmpty)
      #expect(try await person.fail(next).ended != nil)
      let again = try await person.retry(sent.turn)
      #expect(again.state == .running && again.attempt == 3 && again.leased?.lease.number == 3)
      #expect(again.events.map(\.kind) == [.turnStarted(kind: .reply, attempt: 3)])
      try await person.complete(again.leased)
      #expect(try await person.retry(sent.turn).state == .completed)
      #expect(isGapless(try await person.log()))
      var stranger = try await Person(apart: true)
      stranger.conversation = person.conversation
      await #expect(throws: ConversationError.conversationForbidden) { try await stranger.retry(sent.turn) }
      stranger.conversation = ConversationID(Person.id())
      await #expect(throws: ConversationError.conversationUnknown) { try await stranger.retry(sent.turn) }
    }

    private func claim(_ person: Person, by server: ServerID) async throws -> [ClaimedTurn] {
      try await person.claim(by: server)
    }
  }
}

extension Person {
  /// What a claim finds of this user, whatever other tests leave lying about.
  func claim(by server: ServerID, alone: Bool = false) async throws -> [ClaimedTurn] {
    var claimed: [ClaimedTurn] = []
    try await waitUntil("a turn to claim") {
      claimed = try await store.claimTurns(
        server: server, alone: alone, duration_ms: 60_000, limit: 1000, now: now
      ).filter { $0.turn.user == user }
      return !claimed.isEmpty
    }
    return claimed
  }
}
