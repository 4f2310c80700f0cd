import Conversation
import ConversationStore
import Foundation
import Interview
import Testing

@Suite struct QuotaTests {
  @Test func aThousandSendsAtOnceAtALimitOf30AdmitExactly30() async throws {
    let person = try await Person()
    let results = await (0..<1000).concurrentMap { index in
      var one = person
      one.conversation = ConversationID("\(person.conversation)-\(index % 7)")
      return try await one.send("第\(index)句", request: RequestID("\(index)"))
    }
    #expect(results.count { (try? $0.get()) != nil } == 30)
    let refusals = results.compactMap { $0.failure as? ConversationError }
    #expect(refusals.count == 970)
    for refusal in refusals {
      guard case .quotaExceeded(let quota) = refusal else {
        Issue.record("\(refusal)")
        continue
      }
      #expect(quota.turnsUsed == 30 && quota.turnsLimit == 30)
    }
    #expect(try await person.count("SELECT count(*) FROM lifeecho.messages WHERE user_id = $1") == 30)
    #expect(try await person.count("SELECT count(*) FROM lifeecho.requests WHERE user_id = $1") == 30)
    #expect(try await person.count("SELECT turns_used::bigint FROM lifeecho.quota_usage WHERE user_id = $1") == 30)
  }

  @Test func aRefusalLeavesNothingAndAChangeOfTierCountsAtOnce() async throws {
    var person = try await Person()
    for _ in 0..<30 { try await person.send() }
    let used = person.conversation
    person.conversation = ConversationID("new-" + Person.id())
    await #expect(throws: ConversationError.self) { try await person.send(request: "again") }
    await #expect(throws: ConversationError.conversationUnknown) { try await person.record() }
    var change = UserChange(id: person.user)
    change.tier = .premium
    _ = try await person.store.upsertUser(change, now: person.now)
    let sent = try await person.send(request: "again")
    #expect(!sent.duplicate && sent.quota.turnsUsed == 31 && sent.quota.turnsLimit == 500)
    person.conversation = used
    #expect(try await person.connect().quota.turnsUsed == 31)
  }

  struct Midnight: Sendable {
    var zone: String
    /// The last instant of a day and the day's length.
    var before: String
    var reset: String
    var nextReset: String
  }

  @Test(arguments: [
    Midnight(
      zone: "Asia/Shanghai", before: "2026-03-28T15:59:59Z", reset: "2026-03-28T16:00:00Z",
      nextReset: "2026-03-29T16:00:00Z"),
    // A day of 23 hours, and one of 25.
    Midnight(
      zone: "Europe/Berlin", before: "2026-03-28T22:59:59Z", reset: "2026-03-28T23:00:00Z",
      nextReset: "2026-03-29T22:00:00Z"),
    Midnight(
      zone: "Europe/Berlin", before: "2026-10-24T21:59:59Z", reset: "2026-10-24T22:00:00Z",
      nextReset: "2026-10-25T23:00:00Z"),
    // Clocks went from 24:00 to 01:00: that midnight does not exist; and from 24:00 back to 23:00.
    Midnight(
      zone: "America/Sao_Paulo", before: "2018-11-04T02:59:59Z", reset: "2018-11-04T03:00:00Z",
      nextReset: "2018-11-05T02:00:00Z"),
    Midnight(
      zone: "America/Sao_Paulo", before: "2018-02-18T02:59:59Z", reset: "2018-02-18T03:00:00Z",
      nextReset: "2018-02-19T03:00:00Z"),
    // 01:00 goes back to 00:00: that midnight comes twice, the day begins with the first.
    Midnight(
      zone: "America/Havana", before: "2026-11-01T03:59:59Z", reset: "2026-11-01T04:00:00Z",
      nextReset: "2026-11-02T05:00:00Z"),
    // Unknown: Asia/Shanghai.
    Midnight(
      zone: "Mars/Olympus", before: "2026-03-28T15:59:59Z", reset: "2026-03-28T16:00:00Z",
      nextReset: "2026-03-29T16:00:00Z"),
  ])
  func theDayEndsAtLocalMidnight(_ midnight: Midnight) async throws {
    var person = try await Person(timeZone: midnight.zone)
    person.now = try time(midnight.before)
    try await person.send()
    let before = try await person.send().quota
    #expect(before.turnsUsed == 2)
    #expect(before.resetTime == (try time(midnight.reset)))
    person.now = try time(midnight.reset)
    #expect(try await person.connect().quota.turnsUsed == 0)
    let after = try await person.send().quota
    #expect(after.turnsUsed == 1)
    #expect(after.resetTime == (try time(midnight.nextReset)))
    person.now.microseconds = after.resetTime.microseconds - 1
    #expect(try await person.send().quota == after.with(used: 2))
  }

  @Test func theInterviewAndTheStoreAgreeOnTheDay() async throws {
    for zone in ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Pacific/Apia", "Asia/Kolkata"] {
      var person = try await Person(timeZone: zone)
      for day in stride(from: Int64(0), to: 366, by: 7) {
        person.now = Timestamp(microseconds: 1_767_225_599_000_000 + day * 86_400_000_000)
        let end_us = LocalDay(containing_us: person.now.microseconds, timeZone: zone).end_us
        #expect(try await person.connect().quota.resetTime.microseconds == end_us)
      }
    }
  }

  private func time(_ text: String) throws -> Timestamp {
    Timestamp(microseconds: Int64(try Date(text, strategy: .iso8601).timeIntervalSince1970) * 1_000_000)
  }
}

extension QuotaSnapshot {
  fileprivate func with(used: Int) -> QuotaSnapshot {
    var copy = self
    copy.turnsUsed = used
    return copy
  }
}
