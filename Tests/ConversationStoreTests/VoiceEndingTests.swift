import Conversation
import ConversationStore
import Interview
import PostgreSQL
import Testing

/// Every way a voice session ends (design §7, StreamAudio).
@Suite struct VoiceEndingTests {
  @Test func recognisedInAnyOrderItIsOneMessageInOrderAndItsTurn() async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(2, "院子。", last: true), Speaker.segment(0, "我家"), Speaker.segment(1, "有个"))
    let claimed = try await speaker.claim()
    for (place, segment) in claimed.reversed().enumerated() {
      #expect(try await speaker.end(segment) == (place == 2))
    }
    let finished = try #require(try await speaker.finish())
    #expect(finished.message?.text == "我家有个院子。" && finished.message?.source == .voice)
    #expect(finished.message?.voiceSession == "s" && finished.message?.audioDuration_ms == 3_000)
    #expect(finished.message?.timings != nil)
    #expect(finished.leased?.message?.text == "我家有个院子。" && finished.failure == nil)
    #expect(try await speaker.finish() == nil)
    let log = try await speaker.log()
    #expect(isGapless(log) && log == finished.events && log.count == 2)
    #expect(try await speaker.record().messageCount == 1)
    #expect(try await speaker.store.voiceSession(speaker.key()).message == finished.message?.id)
    let usage = """
      SELECT turns_used * 1000000 + turns_reserved * 100000 + speech_used_ms FROM lifeecho.quota_usage WHERE user_id = $1
      """
    #expect(try await speaker.count(usage) == 1_003_000)
    #expect(try await speaker.count("SELECT count(*) FROM lifeecho.memoir_outbox WHERE user_id = $1") == 1)
  }

  @Test func aTurnWaitsForTheOneThatRuns() async throws {
    let speaker = try await Speaker()
    _ = try await speaker.store.sendText(
      SendTextCommand(
        user: speaker.user, conversation: speaker.conversation, text: "你好", request: nil, digest: [], chipID: nil,
        clientTime: nil, message: "m", turn: "t", lease: LeaseRequest(server: "x", duration_ms: 60_000),
        now: speaker.now))
    try await speaker.say(Speaker.segment(0, last: true))
    try await speaker.recogniseAll()
    let finished = try #require(try await speaker.finish())
    #expect(finished.leased == nil && finished.message != nil)
    #expect(try await speaker.count("SELECT count(*) FROM lifeecho.turns WHERE user_id = $1 AND state = 'queued'") == 1)
  }

  @Test func aGapIsWaitedForAndThenMarked() async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0), Speaker.segment(3, last: true))
    #expect(try await speaker.recogniseAll() == false)
    #expect(try await speaker.finish() == nil)
    speaker.pass(minutes: 4)
    #expect(try await speaker.due().isEmpty)
    speaker.pass(minutes: 1)
    #expect(try await speaker.due() == [speaker.key()])
    let finished = try #require(try await speaker.finish())
    #expect(finished.message?.text == "第0段。……第3段。" && finished.leased != nil)
    #expect(finished.failure?.indices == [1, 2] && finished.failure?.reason == .segmentsMissing)
    #expect(finished.failure?.retryable == false)
    #expect(try await speaker.say(Speaker.segment(1)).verdicts == [.finished])
  }

  @Test func aGapThatClosesInTimeIsNone() async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0), Speaker.segment(2, last: true))
    try await speaker.recogniseAll()
    speaker.pass(minutes: 4)
    try await speaker.say(Speaker.segment(1), stream: "b")
    #expect(try await speaker.recogniseAll())
    let finished = try #require(try await speaker.finish())
    #expect(finished.message?.text == "第0段。第1段。第2段。" && finished.failure == nil)
  }

  @Test func aSegmentThatFailedForGoodIsMarkedAndNamed() async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0), Speaker.segment(1), Speaker.segment(2, last: true))
    for attempt in 1...3 {
      for segment in try await speaker.claim() {
        #expect(segment.failures == attempt - 1)
        let fails = segment.lease.index == 1
        try await speaker.end(
          segment, fails ? .failed(.engineFailed, backoff_ms: attempt == 3 ? nil : 1_000) : nil)
      }
      #expect(try await speaker.claim().isEmpty)
      speaker.pass(milliseconds: 1_000)
    }
    let finished = try #require(try await speaker.finish())
    #expect(finished.message?.text == "第0段。……第2段。" && finished.leased != nil)
    #expect(finished.failure?.indices == [1] && finished.failure?.reason == .engineFailed)
    #expect(try await speaker.state() == .completed)
  }

  @Test(
    "nothing recognised: no message, no turn, the quota is given back",
    arguments: [
      (.recognised(""), .noSpeech, false), (.failed(.engineFailed, backoff_ms: nil), .engineFailed, true),
      (.failed(.engineMissing, backoff_ms: nil), .engineMissing, true), (.recognised(" \n"), .noSpeech, false),
    ] as [(RecognitionEnd.Result, TranscriptionFailureReason, Bool)])
  func nothing(result: RecognitionEnd.Result, reason: TranscriptionFailureReason, retryable: Bool) async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0), Speaker.segment(1, last: true))
    #expect(try await speaker.recogniseAll { _ in result })
    let finished = try #require(try await speaker.finish())
    #expect(finished.message == nil && finished.leased == nil)
    #expect(finished.failure?.reason == reason && finished.failure?.indices == [])
    #expect(finished.failure?.retryable == retryable)
    #expect(try await speaker.state() == .failed)
    let charged = "SELECT turns_used + turns_reserved + speech_used_ms FROM lifeecho.quota_usage WHERE user_id = $1"
    #expect(try await speaker.count(charged) == 0)
    #expect(try await speaker.count("SELECT count(*) FROM lifeecho.memoir_outbox WHERE user_id = $1") == 0)
  }

  @Test func silenceForTenMinutesAbandonsAMessageWithoutATurn() async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0))
    try await speaker.recogniseAll()
    speaker.pass(minutes: 9)
    try await speaker.say(Speaker.segment(1))
    try await speaker.recogniseAll()
    speaker.pass(minutes: 9)
    // Looked at too early: it only notes the time.
    #expect(try await speaker.due() == [speaker.key()])
    #expect(try await speaker.finish() == nil)
    #expect(try await speaker.due().isEmpty)
    speaker.pass(minutes: 1)
    let finished = try #require(try await speaker.finish())
    #expect(finished.message?.text == "第0段。第1段。" && finished.leased == nil && finished.events.count == 1)
    #expect(finished.events[0].turn == nil)
    #expect(try await speaker.state() == .abandoned)
    #expect(try await speaker.count("SELECT count(*) FROM lifeecho.turns WHERE user_id = $1") == 0)
    #expect(try await speaker.count("SELECT count(*) FROM lifeecho.memoir_outbox WHERE user_id = $1") == 1)
  }

  @Test func endConversationAbandonsAndDoesNotReopen() async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0))
    try await speaker.say(Speaker.segment(0, last: true), session: "t")
    _ = try await speaker.store.endConversation(
      EndCommand(
        user: speaker.user, conversation: speaker.conversation, request: nil, digest: [], now: speaker.now))
    // What was not recognised yet is waited for.
    for key in try await speaker.due() {
      #expect(try await speaker.finish(key.session) == nil)
    }
    #expect(try await speaker.recogniseAll())
    for session in ["s", "t"] as [VoiceSessionID] {
      let finished = try #require(try await speaker.finish(session))
      #expect(finished.message?.text == "第0段。" && finished.leased == nil)
    }
    #expect(try await speaker.record().status == .ended)
    let flushed = "SELECT count(*) FROM lifeecho.memoir_outbox WHERE user_id = $1 AND flush_requested"
    #expect(try await speaker.count(flushed) == 2)
    // The next recording is a new message, and reopens.
    try await speaker.say(Speaker.segment(0, "又来了", last: true), stream: "b")
    try await speaker.recogniseAll()
    #expect(try await speaker.finish("s", 2)?.leased != nil)
    #expect(try await speaker.record().status == .active)
  }

  @Test func aWholeMessageIsASessionOfOneSegment() async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0, "整段", last: true, duration_ms: 0), kind: .wholeMessage)
    #expect(try await speaker.recogniseAll())
    #expect(try await speaker.finish()?.message?.text == "整段")
  }

  @Test func westernWordsAreJoinedWithASpaceChineseOnesAreNot() async throws {
    let speaker = try await Speaker()
    try await speaker.say(
      Speaker.segment(0, "I was born in"), Speaker.segment(1, "Shaoxing"), Speaker.segment(2, "绍兴"),
      Speaker.segment(3, "。 "), Speaker.segment(4, "1952", last: true))
    try await speaker.recogniseAll()
    #expect(try await speaker.finish()?.message?.text == "I was born in Shaoxing绍兴。1952")
  }

  // MARK: Later

  @Test func aFailedSessionIsRecognisedAgainAndAnswered() async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0), Speaker.segment(1, last: true))
    try await speaker.recogniseAll { _ in .failed(.engineMissing, backoff_ms: nil) }
    #expect(try await speaker.finish()?.failure?.reason == .engineMissing)
    #expect(try await speaker.store.failedSessions(limit: 10) == [speaker.key()])
    speaker.pass(minutes: 600)
    #expect(try await speaker.store.retryTranscription(speaker.key("s", 0), now: speaker.now) == .transcribing)
    #expect(try await speaker.store.retryTranscription(speaker.key("s", 0), now: speaker.now) == .transcribing)
    #expect(try await speaker.recogniseAll())
    let finished = try #require(try await speaker.finish())
    #expect(finished.message?.text == "第0段。第1段。" && finished.leased != nil)
    #expect(try await speaker.store.retryTranscription(speaker.key("s", 0), now: speaker.now) == .completed)
    let used = "SELECT sum(turns_used)::bigint FROM lifeecho.quota_usage WHERE user_id = $1"
    #expect(try await speaker.count(used) == 1)
    await #expect(throws: ConversationError.voiceSessionUnknown) {
      try await speaker.store.retryTranscription(speaker.key("other", 0), now: speaker.now)
    }
  }

  @Test("audio is deleted when its time is over, and never before", arguments: [true, false])
  func retention(recognised: Bool) async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0, last: true))
    let kept = "SELECT count(*) FROM lifeecho.audio_segments WHERE user_id = $1 AND content IS NOT NULL"
    // A year without recognition is no reason.
    speaker.pass(minutes: 365 * 1440)
    try await speaker.store.pruneAudio(now: speaker.now)
    #expect(try await speaker.count(kept) == 1)
    try await speaker.recogniseAll { _ in recognised ? nil : .failed(.engineFailed, backoff_ms: nil) }
    _ = try await speaker.finish()
    speaker.pass(minutes: (recognised ? 30 : 90) * 1440 - 1)
    try await speaker.store.pruneAudio(now: speaker.now)
    #expect(try await speaker.count(kept) == 1)
    speaker.pass(minutes: 1)
    try await speaker.store.pruneAudio(now: speaker.now)
    #expect(try await speaker.count(kept) == 0)
    // Without audio there is nothing to try again.
    #expect(
      try await speaker.store.retryTranscription(speaker.key("s", 0), now: speaker.now)
        == (recognised ? .completed : .failed))
  }
}
