import Conversation
import ConversationStore
import Interview
import Testing

@Suite struct VoiceLeaseTests {
  @Test func aLeasedSegmentIsNobodyElsesUntilItsLeaseEnds() async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0, last: true))
    let first = try #require(try await speaker.claim().first)
    #expect(first.attempts == 1)
    speaker.server = "server-2"
    #expect(try await speaker.claim().isEmpty)
    try await speaker.store.renewSegments(server: "server-1", leases: [first.lease], duration_ms: 1)
    var second: ClaimedSegment?
    let deadline = ContinuousClock.now + .seconds(20)
    while second == nil, ContinuousClock.now < deadline {
      second = try await speaker.claim().first
      if second == nil { try await Task.sleep(for: .milliseconds(20)) }
    }
    let taken = try #require(second)
    #expect(taken.attempts == 2 && taken.lease.number == first.lease.number + 1)
    // The dead server's result comes late: it is thrown away.
    try await speaker.end(first, .recognised("迟到"))
    #expect(try await speaker.finish() == nil)
    #expect(try await speaker.end(taken, .recognised("准时")))
    #expect(try await speaker.finish()?.message?.text == "准时")
  }

  @Test func aServerAloneTakesOverAtOnce() async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0))
    #expect(try await speaker.claim().count == 1)
    speaker.server = "server-2"
    #expect(try await speaker.claim().isEmpty)
    #expect(try await speaker.claim(alone: true).count == 1)
  }

  /// A segment that kills its servers does so ever less often; one that was lost once is taken up at once.
  @Test func aLostLeaseCostsAPauseFromTheSecondOn() async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0, last: true))
    speaker.lease_ms = 10_000
    func claim(_ server: String) async throws -> ClaimedSegment? {
      speaker.server = ServerID(server)
      return try await speaker.claim(alone: true).first
    }
    #expect(try await claim("s0")?.losses == 0)
    #expect(try await claim("s1")?.losses == 1)
    for (losses, pause_ms) in [(2, 10_000), (3, 20_000), (4, 40_000)] as [(Int, Int64)] {
      speaker.pass(milliseconds: pause_ms - 1)
      #expect(try await claim("early") == nil)
      speaker.pass(milliseconds: 1)
      #expect(try await claim("s\(losses)")?.losses == losses)
    }
    for losses in 5...20 {
      speaker.pass(milliseconds: Conversation.Limits.lossPause_ms)
      #expect(try await claim("s\(losses)")?.losses == losses)
    }
  }

  /// Only failures of engines use up attempts at recognition.
  @Test func aFailureIsNoLoss() async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0, last: true))
    for failures in 0..<3 {
      let claimed = try #require(try await speaker.claim().first)
      #expect(claimed.losses == 0 && claimed.failures == failures)
      try await speaker.end(claimed, .failed(.engineFailed, backoff_ms: 1_000))
      speaker.pass(milliseconds: 1_000)
    }
  }

  @Test func aLongQueueOfOnePersonIsNobodyElsesWait() async throws {
    let long = try await Speaker(tier: .premium)
    for start in stride(from: 0, to: 500, by: 10) {
      try await long.say((start..<start + 10).map { Speaker.segment($0, "x", last: $0 == 499) })
    }
    let short = try await Speaker(beside: long)
    short.pass(milliseconds: 60_000)
    try await short.say(Speaker.segment(0, "我", last: true))
    func claim(_ limit: Int, busy: [UserID] = [], after: UserID? = nil) async throws -> [UserID] {
      try await long.store.claimSegments(
        ClaimSegments(
          server: "s", duration_ms: 60_000, limit: limit, busy: busy, after: after, now: short.now)
      ).segments.map(\.lease.key.user)
    }
    // Who waits longest, while both have nothing in hand; then who has less.
    #expect(try await claim(1) == [long.user])
    #expect(try await claim(1, busy: [long.user]) == [short.user])
    #expect(try await claim(3, busy: [long.user, short.user]) == [long.user, long.user, long.user])
  }

  /// Of more people than are looked at, each has a turn.
  @Test func claimsGoRound() async throws {
    let first = try await Speaker()
    for _ in 1..<24 { try await Speaker(beside: first).say(Speaker.segment(0), Speaker.segment(1)) }
    try await first.say(Speaker.segment(0), Speaker.segment(1))
    var next: UserID?
    var claimed: [UserID] = []
    for _ in 0..<24 {
      let claim = try await first.store.claimSegments(
        ClaimSegments(server: "s", duration_ms: 60_000, limit: 1, busy: claimed, after: next, now: first.now))
      next = claim.next
      claimed += claim.segments.map(\.lease.key.user)
    }
    #expect(claimed.count == 24 && Set(claimed).count > 18)
  }

  @Test func twoServersShareAQueueWithoutDoubleWork() async throws {
    let speaker = try await Speaker(tier: .premium)
    for session in 0..<10 {
      for start in stride(from: 0, to: 50, by: 10) {
        _ = try await speaker.store.storeSegments(
          StoreSegments(
            key: speaker.key(VoiceSessionID("s\(session)"), 0), stream: "a", kind: .segmented, format: nil,
            segments: (start..<start + 10).map { Speaker.segment($0, "\(session)/\($0) ", last: $0 == 49) },
            receivedTime: speaker.now, now: speaker.now, abandonment_ms: 600_000, gapPatience_ms: 300_000))
      }
    }
    let (store, now) = (speaker.store, speaker.now)
    let taken = try await withThrowingTaskGroup(of: [SegmentLease].self) { group in
      for worker in 0..<8 {
        group.addTask {
          var mine: [SegmentLease] = []
          while true {
            let claimed = try await store.claimSegments(
              ClaimSegments(server: ServerID("server-\(worker % 2)"), duration_ms: 60_000, limit: 4, now: now)
            ).segments
            if claimed.isEmpty { return mine }
            for segment in claimed {
              mine.append(segment.lease)
              let words = String(decoding: segment.recording.bytes, as: UTF8.self)
              _ = try await store.endRecognition(
                RecognitionEnd(lease: segment.lease, result: .recognised(words), recognizer: "test", now: now))
            }
          }
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    #expect(taken.count == 500 && Set(taken).count == 500)
    #expect(taken.allSatisfy { $0.number == 1 })
    #expect(Set(try await speaker.due()).count == 10)
  }

  @Test func feedbackIsGivenOnceWhateverServerAsks() async throws {
    let speaker = try await Speaker()
    func arm() async throws -> ArmedFeedback? {
      try await speaker.store.armFeedback(speaker.key("s", 0), delay_ms: 8_000, now: speaker.now)
    }
    let armed = try #require(try await arm())
    #expect(armed.generation == 1 && armed.wait_ms == 8_000)
    try await speaker.say(Speaker.segment(0))
    speaker.pass(milliseconds: 5_000)
    // The recording has moved to another connection: its time goes on.
    let moved = try #require(try await arm())
    #expect(moved.wait_ms == 3_000)
    speaker.pass(milliseconds: 3_000)
    #expect(try await speaker.store.fireFeedback(speaker.key(), armed: moved.time, now: speaker.now))
    #expect(try await speaker.store.fireFeedback(speaker.key(), armed: armed.time, now: speaker.now) == false)
    #expect(try await arm() == nil)
  }

  @Test func aRecordingThatWasCancelledAndBegunAgainHasItsOwnTime() async throws {
    let speaker = try await Speaker()
    func arm() async throws -> ArmedFeedback? {
      try await speaker.store.armFeedback(speaker.key("s", 0), delay_ms: 8_000, now: speaker.now)
    }
    let first = try #require(try await arm())
    speaker.pass(milliseconds: 7_000)
    let second = try #require(try await arm())
    #expect(second.wait_ms == 8_000)
    speaker.pass(milliseconds: 1_000)
    #expect(
      try await speaker.store.fireFeedback(speaker.key(), armed: first.time, now: speaker.now) == false,
      "a stream whose end nobody has noticed")
    speaker.pass(milliseconds: 7_000)
    #expect(try await speaker.store.fireFeedback(speaker.key(), armed: second.time, now: speaker.now))
    #expect(try await arm()?.wait_ms == 8_000, "nothing of it was stored: another recording")
    try await speaker.say(Speaker.segment(0))
    speaker.pass(milliseconds: 9_000)
    let late = try #require(try await arm())
    #expect(late.wait_ms == 8_000, "it was silent for longer than the delay")
    #expect(try await speaker.store.fireFeedback(speaker.key(), armed: late.time, now: speaker.now))
    speaker.pass(milliseconds: 9_000)
    #expect(try await arm() == nil, "what is stored is told once")
  }

  @Test func theLastSegmentCancelsFeedbackAndTheNextRecordingHasItsOwn() async throws {
    let speaker = try await Speaker()
    let armed = try #require(
      try await speaker.store.armFeedback(speaker.key("s", 0), delay_ms: 8_000, now: speaker.now))
    try await speaker.say(Speaker.segment(0, last: true))
    #expect(try await speaker.store.fireFeedback(speaker.key(), armed: armed.time, now: speaker.now) == false)
    try await speaker.recogniseAll()
    _ = try await speaker.finish()
    let next = try await speaker.store.armFeedback(speaker.key("s", 0), delay_ms: 8_000, now: speaker.now)
    #expect(next?.generation == 2)
  }

  @Test func anHourHasSixtyTranscriptionsAndTwentyMinutes() async throws {
    let speaker = try await Speaker()
    func ask(_ speech_ms: Int64) async throws {
      try await speaker.store.admitTranscription(user: speaker.user, speech_ms: speech_ms, now: speaker.now)
    }
    for _ in 0..<60 { try await ask(1_000) }
    await #expect(throws: ConversationError.rateLimited(retryAfter_ms: 3_600_000)) { try await ask(0) }
    speaker.pass(minutes: 60)
    try await ask(Conversation.Limits.transcription_ms - 1_000)
    await #expect(throws: ConversationError.self) { try await ask(1_001) }
    try await ask(1_000)
  }
}
