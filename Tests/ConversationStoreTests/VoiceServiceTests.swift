import Conversation
import ConversationStore
import Foundation
import Logging
import Synchronization
import Interview
import TestSupport
import Testing

/// The voice service over a real store: streams, workers, endings.
@Suite struct VoiceServiceTests {
  @Test func aStreamIsAnsweredSegmentBySegmentAndBecomesOneMessage() async throws {
    let house = try await VoiceHouse()
    let answers = try await house.stream([.init(1, "二"), .init(0, "一"), .init(2, "三", last: true)])
    #expect(answers.map(\.durable.through) == [-1, 1, 2])
    #expect(answers.allSatisfy { $0.refusal == nil && !$0.isDuplicate })
    #expect(try await house.messages(1) == ["一二三"])
  }

  @Test func refusalsComeInTheirPlaceAndTheStreamGoesOn() async throws {
    let house = try await VoiceHouse()
    let answers = try await house.stream([
      .init(0, "一"), .init(4096, "x"), .init(0, "别的"), .init(1, ""), .init(1, "二"), .init(1, "二", last: true),
    ])
    #expect(answers.map(\.refusal?.index) == [nil, 4096, 0, 1, nil, nil])
    #expect(answers[2].refusal?.reason == .conflict && answers[5].isDuplicate)
    #expect(answers[3].durable.through == 0)
    #expect(try await house.messages(1) == ["一二"])
  }

  @Test func threeFailuresGiveASegmentUp() async throws {
    let house = try await VoiceHouse()
    _ = try await house.stream([.init(0, "一"), .init(1, "fail"), .init(2, "三", last: true)])
    #expect(try await house.messages(1) == ["一……三"])
    #expect(house.recognizer.calls["fail"] == 3)
  }

  @Test func audioThatNobodyCanReadIsGivenUpAtOnce() async throws {
    let house = try await VoiceHouse()
    _ = try await house.stream([.init(0, "garbage", last: true)])
    let failure = try await house.failure()
    #expect(failure.reason == .engineFailed && house.recognizer.calls["garbage"] == 1)
  }

  /// Servers that died in it use up no attempt of an engine; one that kills them without end is told as what it is.
  @Test(arguments: [12, Conversation.Limits.recognitionLosses - 1, Conversation.Limits.recognitionLosses])
  func lostLeasesAreNoFailures(_ losses: Int) async throws {
    let first = try await VoiceHouse()
    await first.stop()
    _ = try await first.stream([.init(0, "一", last: true)])
    let lose = """
      WITH lost AS (UPDATE lifeecho.audio_segments SET attempts = \(losses) WHERE user_id = $1 RETURNING 1)
      SELECT count(*) FROM lost
      """
    #expect(try await first.speaker.count(lose) == 1)
    let house = try await VoiceHouse(on: first.speaker)
    if losses < Conversation.Limits.recognitionLosses {
      #expect(try await house.messages(1) == ["一"])
    } else {
      let failure = try await house.failure()
      #expect(failure.reason == .engineInterrupted && failure.retryable)
      #expect(house.recognizer.calls["一"] == nil)
    }
  }

  @Test func anEngineThatHangsIsGivenUp() async throws {
    let house = try await VoiceHouse { $0.recognitionTimeout_ms = 20 }
    _ = try await house.stream([.init(0, "hang", last: true)])
    #expect(try await house.failure().reason == .engineFailed)
    #expect(house.recognizer.calls["hang"] == 3)
  }

  @Test func withoutAnEngineTheAudioIsKeptAndTheEventSaysSo() async throws {
    let house = try await VoiceHouse(hasRecognizer: false)
    _ = try await house.stream([.init(0, "一", last: true)])
    #expect(try await house.failure().reason == .engineMissing)
    let kept = "SELECT count(*) FROM lifeecho.audio_segments WHERE user_id = $1 AND content IS NOT NULL"
    #expect(try await house.speaker.count(kept) == 1)
    await house.stop()
    // Later, with one.
    let other = try await VoiceHouse(on: house.speaker)
    let user = house.speaker.user
    let conversation = house.speaker.conversation.rawValue
    _ = try await other.voice.retry(user, conversation: conversation, session: "s", generation: 0, request: "")
    #expect(try await other.messages(1) == ["一"])
  }

  @Test func noMoreRecognitionsThanWorkers() async throws {
    let house = try await VoiceHouse { $0.workers = 2 }
    _ = try await house.stream((0..<12).map { .init($0, "slow\($0) ", last: $0 == 11) })
    _ = try await house.messages(1)
    #expect(house.recognizer.most <= 2 && house.recognizer.most > 0)
  }

  @Test func whatABrokenStreamBroughtIsStored() async throws {
    let house = try await VoiceHouse()
    let parts: [AudioPart] = [.init(0, "一"), .init(1, "二"), .init(2, "三", last: true)]
    await #expect(throws: CancellationError.self) {
      try await house.stream(parts, failing: CancellationError())
    }
    #expect(try await house.messages(1) == ["一二三"])
  }

  @Test func aDrainingServerAnswersWhatItHasAndTakesNoMore() async throws {
    let house = try await VoiceHouse()
    let answers = Mutex<[AudioAnswer]>([])
    let (parts, feed) = AsyncStream.makeStream(of: AudioPart.self)
    let source = PartSource(parts)
    feed.yield(.init(0, "一"))
    let call = house.call()
    let user = house.speaker.user
    let voice = house.voice
    let stream = Task {
      try await voice.stream(user, call) {
        await source.next()
      } answer: { answer in
        answers.withLock { $0.append(answer) }
      }
    }
    try await waitUntil { answers.withLock { $0.count } == 1 }
    voice.drain()
    await #expect(throws: ConversationError.draining) { try await stream.value }
    await #expect(throws: ConversationError.draining) { try await house.stream([.init(1, "二")]) }
  }

  @Test func aStreamEndsWithItsToken() async throws {
    let house = try await VoiceHouse()
    var call = house.call()
    call.expires = Timestamp(microseconds: house.clock.now().microseconds + 50_000)
    let source = PartSource(AsyncStream.makeStream(of: AudioPart.self).stream)
    await #expect(throws: ConversationError.tokenExpired) {
      try await house.voice.stream(house.speaker.user, call) {
        await source.next()
      } answer: { _ in
      }
    }
  }

  @Test func somebodyListensOncePerRecording() async throws {
    let house = try await VoiceHouse { $0.feedbackDelay_ms = 40 }
    try await house.speaker.say(Speaker.segment(0, "以前", last: true), session: "old")
    let subscription = try house.hub.subscribe(
      user: house.speaker.user, conversation: house.speaker.conversation, expires: nil)
    subscription.start(after: 1_000)
    var call = house.call()
    call.recordingStarted = true
    let source = PartSource(AsyncStream.makeStream(of: AudioPart.self).stream)
    let (voice, user, started) = (house.voice, house.speaker.user, call)
    let streams = (0..<3).map { _ in
      Task {
        try await voice.stream(user, started) {
          await source.next()
        } answer: { _ in
        }
      }
    }
    guard case .deliver(.listeningFeedback(let feedback)) = try await subscription.next() else {
      Issue.record("no feedback")
      return
    }
    #expect(feedback.session == "s" && feedback.text == "嗯,我在听,您慢慢说")
    // Time for the other stream's; what is not told within it can only be missed.
    try await Task.sleep(for: .milliseconds(150))
    let fired = "SELECT count(*) FROM lifeecho.listening_feedback WHERE user_id = $1 AND fired_at IS NOT NULL"
    #expect(try await house.speaker.count(fired) == 1)
    for stream in streams { stream.cancel() }
  }

  @Test("a recording that is over, cancelled or cut off is not told that somebody listens", arguments: [true, false])
  func noFeedback(hasLast: Bool) async throws {
    // Longer than the recording takes on a busy machine, or it would be told while it is under way.
    let house = try await VoiceHouse { $0.feedbackDelay_ms = 2_000 }
    _ = try await house.stream([.init(0, "一", last: hasLast)], recordingStarted: true)
    // The delay and some more: feedback that comes later still is missed, none is made up.
    try await Task.sleep(for: .milliseconds(2_500))
    let fired = "SELECT count(*) FROM lifeecho.listening_feedback WHERE user_id = $1 AND fired_at IS NOT NULL"
    #expect(try await house.speaker.count(fired) == 0)
  }

  @Test func transcribeStoresNothingAndIsRationed() async throws {
    let house = try await VoiceHouse()
    #expect(try await house.transcribe(["你", "好"]) == "你好")
    await #expect(throws: ConversationError.self) { try await house.transcribe(["fail"]) }
    await #expect(throws: ConversationError.self) { try await house.transcribe(["garbage"]) }
    await #expect(throws: ConversationError.self) { try await house.transcribe([]) }
    #expect(try await house.speaker.count("SELECT count(*) FROM lifeecho.audio_segments WHERE user_id = $1") == 0)
    for _ in 3..<60 { _ = try await house.transcribe(["再"]) }
    do {
      _ = try await house.transcribe(["再"])
      Issue.record("not rationed")
    } catch ConversationError.rateLimited(let wait_ms) {
      #expect(wait_ms > 3_500_000)
    }
  }
}
