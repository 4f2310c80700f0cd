import Conversation
import ConversationStore
import Foundation
import Interview
import Testing

/// Claims take whatever is there: one test after the other, and away from the tests that expect nobody to.
extension TurnsOfManyServers {
  @Suite struct LeaseTests {
    @Test func aTurnWhoseLeaseEndedIsTakenOverWithItsContext() async throws {
      var person = try await Person(apart: true)
      person.lease_ms = 1
      let sent = try await person.send("一", request: "r")
      try await person.send("二")
      let claimed = try await person.claim(by: "server-2")
      let turn = try #require(claimed.first?.turn)
      #expect(claimed.count == 1 && turn.lease == TurnLease(turn: sent.turn, number: 2) && turn.attempt == 2)
      #expect(turn.message?.text == "一" && turn.request == "r" && turn.conversation == person.conversation)
      #expect(claimed[0].epoch == sent.epoch)
      #expect(claimed[0].events.map(\.kind) == [.turnStarted(kind: .reply, attempt: 2)])
      #expect(claimed[0].events[0].sequence == 4)
      person.lease_ms = 60_000
      let next = try #require(try await person.complete(turn).ended?.next)
      #expect(next.message?.text == "二")
      #expect(isGapless(try await person.log()))
    }

    @Test func aLeaseThatIsRenewedIsNotTakenOver() async throws {
      let person = try await Person(apart: true)
      let lease = try #require(try await person.send().leased?.lease)
      let kept = try await person.store.renewLeases(
        server: person.server,
        leases: [lease, TurnLease(turn: lease.turn, number: 7), TurnLease(turn: "unknown", number: 1)],
        duration_ms: 60_000)
      #expect(kept == [lease])
      #expect(try await person.store.renewLeases(server: "another", leases: [lease], duration_ms: 1).isEmpty)
      #expect(try await person.store.renewLeases(server: "another", leases: [], duration_ms: 1).isEmpty)
      let claimed = try await person.store.claimTurns(
        server: "server-2", alone: false, duration_ms: 60_000, limit: 1000, now: person.now)
      #expect(!claimed.contains { $0.turn.user == person.user })
      #expect(try await person.store.renewLeases(server: person.server, leases: [lease], duration_ms: 1) == [lease])
      #expect(try await person.claim(by: "server-2").count == 1)
      #expect(
        try await person.store.renewLeases(server: person.server, leases: [lease], duration_ms: 60_000).isEmpty)
    }

    @Test func aServerThatIsAloneTakesEverythingOfOtherServersAtOnce() async throws {
      let person = try await Person(apart: true)
      var other = person
      other.conversation = ConversationID("second-" + Person.id())
      let first = try await person.send("一")
      try await other.send("二")
      try await other.send("三")
      let claimed = try await person.claim(by: "server-2", alone: true)
      #expect(Set(claimed.compactMap(\.turn.message?.text)) == ["一", "二"])
      #expect(claimed.allSatisfy { $0.turn.lease.number == 2 })
      let again = try await person.store.claimTurns(
        server: "server-2", alone: true, duration_ms: 60_000, limit: 1000, now: person.now)
      #expect(!again.contains { $0.turn.user == person.user })
      #expect(try await person.complete(first.leased).isFenced)
    }

    @Test func twoServersClaimEachTurnOnceAndNoMoreThanAsked() async throws {
      let person = try await Person(tier: .premium, apart: true)
      for index in 0..<40 {
        var one = person
        one.conversation = ConversationID("\(person.conversation)-\(index)")
        one.lease_ms = 1
        try await one.send()
      }
      // The leases of 1 ms run out by PostgreSQL's clock, which no test can turn.
      try await Task.sleep(for: .milliseconds(2))
      let claims = await (0..<8).concurrentMap { index in
        try await person.store.claimTurns(
          server: ServerID("server-\(index)"), alone: false, duration_ms: 60_000, limit: 6, now: person.now)
      }
      var turns = try claims.flatMap { claim in
        let turns = try claim.get()
        #expect(turns.count <= 6)
        return turns.map(\.turn.lease)
      }
      #expect(Set(turns).count == turns.count)
      while true {
        let rest = try await person.store.claimTurns(
          server: "last", alone: false, duration_ms: 60_000, limit: 6, now: person.now)
        if rest.isEmpty { break }
        turns += rest.map(\.turn.lease)
      }
      #expect(Set(turns.map(\.turn)).count == turns.count && turns.count >= 40)
    }

    @Test func aDeletedConversationsTurnsAreNobodysWork() async throws {
      var person = try await Person(apart: true)
      person.lease_ms = 1
      let sent = try await person.send()
      try await person.store.deleteConversation(user: person.user, conversation: person.conversation, now: person.now)
      let claimed = try await person.store.claimTurns(
        server: "server-2", alone: true, duration_ms: 60_000, limit: 1000, now: person.now)
      #expect(!claimed.contains { $0.turn.lease.turn == sent.turn })
    }
  }
}

/// Runs its suites one after the other.
@Suite(.serialized) struct TurnsOfManyServers {}
