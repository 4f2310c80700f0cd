import Conversation
import ConversationStore
import Interview
import Testing

@Suite struct VoiceSegmentTests {
  @Test func aSegmentIsDurableAndAskedAgainADuplicate() async throws {
    let speaker = try await Speaker()
    let first = try await speaker.say(Speaker.segment(0))
    #expect(first.verdicts == [.stored] && first.generation == 1 && first.state == .recording)
    #expect(first.durable == DurableSegments(through: 0, later: []) && first.quota?.turnsUsed == 1)
    let again = try await speaker.say(Speaker.segment(0))
    #expect(again.verdicts == [.duplicate] && again.quota == nil)
    #expect(try await speaker.count("SELECT count(*) FROM lifeecho.audio_segments WHERE user_id = $1") == 1)
  }

  @Test func gapsAreToldAndClosed() async throws {
    let speaker = try await Speaker()
    let scattered = try await speaker.say(Speaker.segment(5), Speaker.segment(2), Speaker.segment(3))
    #expect(scattered.durable == DurableSegments(through: -1, later: [2..<4, 5..<6]))
    #expect(scattered.durable.missing() == [0, 1, 4] && scattered.durable.beyond() == [2, 3, 5])
    #expect(try await speaker.say(Speaker.segment(0)).durable == DurableSegments(through: 0, later: [2..<4, 5..<6]))
    #expect(try await speaker.say(Speaker.segment(1)).durable == DurableSegments(through: 3, later: [5..<6]))
    #expect(try await speaker.say(Speaker.segment(4)).durable == DurableSegments(through: 5, later: []))
  }

  @Test func whatRecordingsGoOnWithIsStoredTogether() async throws {
    let speaker = try await Speaker(tier: .premium)
    let sessions: [VoiceSessionID] = ["a", "b", "gap", "ended", "long"]
    for session in sessions { try await speaker.say(Speaker.segment(0, "\(session.rawValue)0"), session: session) }
    try await speaker.say(Speaker.segment(2), session: "gap")
    try await speaker.say(Speaker.segment(1, last: true), session: "ended")
    func next(_ session: VoiceSessionID, _ indices: [Int], _ duration_ms: Int64 = 1_000) -> StoreSegments {
      StoreSegments(
        key: speaker.key(session), stream: "s", kind: .segmented, format: nil,
        segments: indices.map { Speaker.segment($0, "\(session.rawValue)\($0)", duration_ms: duration_ms) },
        expectedIndex: indices[0], receivedTime: speaker.now, now: speaker.now, abandonment_ms: 1, gapPatience_ms: 1)
    }
    let stored = try await speaker.store.extendRecordings([
      next("a", [1, 2]), next("gap", [1]), next("b", [1]), next("ended", [2]), next("unknown", [1]), next("b", [3]),
      next("long", [1], Conversation.Limits.session_ms),
    ])
    #expect(stored.map { $0?.durable.through } == [2, nil, 1, nil, nil, nil, nil])
    #expect(stored[0]?.verdicts == [.stored, .stored] && stored[0]?.state == .recording && stored[0]?.isDue == false)
    let claimed = try await speaker.claim()
    let words = claimed.map { String(decoding: $0.recording.bytes, as: UTF8.self) }
    #expect(Set(words).isSuperset(of: ["a0", "a1", "a2", "b0", "b1"]) && claimed.count == 10)
    #expect(claimed.allSatisfy { $0.recording.duration_ms == 1_000 })
    // What was stored so counts as any other, and asked again it is a duplicate.
    #expect(try await speaker.store.extendRecordings([next("a", [1, 2])]) == [nil])
    #expect(try await speaker.say(Speaker.segment(1, "a1"), session: "a", generation: 1).verdicts == [.duplicate])
    let record = try await speaker.store.voiceSession(speaker.key("a"))
    #expect(record.durable == DurableSegments(through: 2, later: []) && record.duration_ms == 3_000)
  }

  @Test func otherBytesUnderAnIndexAreAConflictAloneAndChangeNothing() async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0))
    let stored = try await speaker.say(Speaker.segment(1), Speaker.segment(1, "别的"), Speaker.segment(2))
    #expect(stored.verdicts == [.stored, .conflict, .stored] && stored.durable.through == 2)
    // By the same call, index 0 is no new recording.
    #expect(try await speaker.say(Speaker.segment(0, "别的")).verdicts == [.conflict])
    #expect(try await speaker.count("SELECT count(*) FROM lifeecho.voice_sessions WHERE user_id = $1") == 1)
  }

  @Test(
    "is_last may be said early, late or twice",
    arguments: [[(1, true), (0, false)], [(0, false), (1, false), (1, true)], [(0, false), (1, true), (1, true)]])
  func last(said: [(Int, Bool)]) async throws {
    let speaker = try await Speaker()
    for (index, last) in said { try await speaker.say(Speaker.segment(index, last: last)) }
    #expect(try await speaker.state() == .transcribing)
    #expect(try await speaker.recogniseAll())
    #expect(try await speaker.finish()?.message?.text == "第0段。第1段。")
  }

  @Test func aLateLastOfWhatIsRecognisedAlreadyMakesTheSessionDue() async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0))
    #expect(try await speaker.recogniseAll() == false)
    #expect(try await speaker.say(Speaker.segment(0, last: true)).isDue)
    #expect(try await speaker.due() == [speaker.key()])
    #expect(try await speaker.finish()?.message?.text == "第0段。")
  }

  @Test func nothingIsTakenBeyondTheLastOrBeyondAnHour() async throws {
    let speaker = try await Speaker(tier: .premium)
    try await speaker.say(Speaker.segment(0, duration_ms: Conversation.Limits.session_ms - 1_000))
    let stored = try await speaker.say(Speaker.segment(1, duration_ms: 1_001), Speaker.segment(2, last: true))
    #expect(stored.verdicts == [.full, .stored])
    #expect(try await speaker.say(Speaker.segment(3)).verdicts == [.beyondLast])
  }

  @Test func theSessionGoesOnByAnotherStream() async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0), stream: "a")
    try await speaker.say(Speaker.segment(1, last: true), stream: "b")
    let record = try await speaker.store.voiceSession(speaker.key("s", 0))
    #expect(record.generation == 1 && record.durable.through == 1 && record.duration_ms == 2_000)
    // What the phone is not sure of comes again, by the new stream.
    #expect(try await speaker.say(Speaker.segment(0), stream: "b").verdicts == [.duplicate])
  }

  @Test func aReusedIDIsANewGeneration() async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0, "上午。"), Speaker.segment(1, "没说完"), stream: "a")
    let second = try await speaker.say(Speaker.segment(0, "下午。", last: true), stream: "b")
    #expect(second.generation == 2 && second.verdicts == [.stored] && second.state == .transcribing)
    #expect(try await speaker.state("s", 1) == .abandoned)
    // Who still speaks in the first one belongs to it, and it has ended.
    #expect(try await speaker.say(Speaker.segment(2), generation: 1, stream: "a").verdicts == [.finished])
    try await speaker.recogniseAll()
    let first = try #require(try await speaker.finish("s", 1))
    #expect(first.message?.text == "上午。没说完" && first.leased == nil)
    #expect(try await speaker.finish("s", 2)?.message?.text == "下午。")
  }

  @Test func aCompleteSessionThatOnlyWaitsForRecognitionIsNotAbandonedByANewOne() async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0, "一。", last: true), stream: "a")
    #expect(try await speaker.say(Speaker.segment(0, "二。", last: true), stream: "b").generation == 2)
    try await speaker.recogniseAll()
    #expect(try await speaker.finish("s", 1)?.leased != nil)
    #expect(try await speaker.finish("s", 2)?.message?.text == "二。")
  }

  @Test func afterTheEndTheSameBytesAreADuplicateOthersANewGeneration() async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0), Speaker.segment(1, last: true))
    try await speaker.recogniseAll()
    #expect(try await speaker.finish() != nil)
    let again = try await speaker.say(Speaker.segment(0), Speaker.segment(1, last: true), stream: "b")
    #expect(again.verdicts == [.duplicate, .duplicate] && again.state == .completed && again.generation == 1)
    #expect(try await speaker.say(Speaker.segment(2)).verdicts == [.finished])
    #expect(try await speaker.say(Speaker.segment(0, "新的", last: true)).generation == 2)
    #expect(try await speaker.recogniseAll())
  }

  @Test func onlyTheFirstSegmentIsRefusedForWantOfQuota() async throws {
    let speaker = try await Speaker(quota: { _ in QuotaLimits(turns: 2, speech_ms: 5_000) })
    try await speaker.say(Speaker.segment(0, duration_ms: 4_000))
    // Speech of a session that goes on counts.
    try await speaker.say(Speaker.segment(0, duration_ms: 4_000), session: "t")
    await #expect(throws: ConversationError.self) { try await speaker.say(Speaker.segment(0), session: "u") }
    #expect(try await speaker.say(Speaker.segment(1, duration_ms: 60_000)).verdicts == [.stored])
    #expect(try await speaker.count("SELECT count(*) FROM lifeecho.voice_sessions WHERE user_id = $1") == 2)
    let quota = "SELECT turns_reserved FROM lifeecho.quota_usage WHERE user_id = $1"
    #expect(try await speaker.count(quota) == 2)
  }

  @Test func aRefusedFirstSegmentLeavesNoConversationBehind() async throws {
    let speaker = try await Speaker(quota: { _ in QuotaLimits(turns: 0, speech_ms: 5_000) })
    await #expect(throws: ConversationError.self) { try await speaker.say(Speaker.segment(0)) }
    await #expect(throws: ConversationError.conversationUnknown) { try await speaker.record() }
  }

  @Test func strangersAndDeletedConversationsAreRefused() async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0))
    try await speaker.store.deleteConversation(
      user: speaker.user, conversation: speaker.conversation, now: speaker.now)
    await #expect(throws: ConversationError.conversationDeleted) { try await speaker.say(Speaker.segment(1)) }
    await #expect(throws: ConversationError.userUnknown) {
      try await speaker.store.storeSegments(
        StoreSegments(
          key: VoiceSessionKey(user: "nobody", conversation: "x", session: "s", generation: 0), stream: "a",
          kind: .segmented, format: nil, segments: [Speaker.segment(0)], receivedTime: speaker.now, now: speaker.now,
          abandonment_ms: 1, gapPatience_ms: 1))
    }
    // What was not recognised is not any more, and its audio is due for deletion.
    #expect(try await speaker.claim().isEmpty)
    try await speaker.store.pruneAudio(now: speaker.now)
    let kept = "SELECT count(*) FROM lifeecho.audio_segments WHERE user_id = $1 AND content IS NOT NULL"
    #expect(try await speaker.count(kept) == 0)
    #expect(try await speaker.count("SELECT turns_reserved FROM lifeecho.quota_usage WHERE user_id = $1") == 0)
  }

  @Test func anErasedUsersSpeechIsGone() async throws {
    let speaker = try await Speaker()
    try await speaker.say(Speaker.segment(0))
    #expect(try await speaker.store.deleteUser(speaker.user))
    try await speaker.store.erase(speaker.user)
    for table in ["voice_sessions", "audio_segments", "listening_feedback", "transcription_usage"] {
      #expect(try await speaker.count("SELECT count(*) FROM lifeecho.\(table) WHERE user_id = $1") == 0)
    }
    await #expect(throws: ConversationError.userUnknown) { try await speaker.say(Speaker.segment(1)) }
  }

  @Test func fourThousandAlternatingSegmentsStayCheap() async throws {
    let speaker = try await Speaker(tier: .premium)
    for start in stride(from: 1, to: Conversation.Limits.segments, by: 16) {
      _ = try await speaker.store.storeSegments(
        StoreSegments(
          key: speaker.key("s", 0), stream: "a", kind: .segmented, format: nil,
          segments: stride(from: start, to: min(start + 16, Conversation.Limits.segments), by: 2).map {
            Speaker.segment($0, duration_ms: 1)
          }, receivedTime: speaker.now, now: speaker.now, abandonment_ms: 1_000, gapPatience_ms: 1_000))
    }
    let record = try await speaker.store.voiceSession(speaker.key("s", 0))
    #expect(record.durable.through == -1 && record.durable.beyond().count == 64 && record.durable.missing().count == 64)
  }
}
