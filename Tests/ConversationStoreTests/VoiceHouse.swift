import Conversation
import ConversationStore
import Foundation
import Interview
import Logging
import Synchronization
import TestSupport
import Testing

/// A server's voice part on a database of its own, with a recogniser whose transcript is the bytes.
final class VoiceHouse: Sendable {
  let speaker: SharedSpeaker
  let voice: VoiceSessions
  let hub: ConversationHub
  let turns: TurnEngine
  let recognizer = ScriptedRecognizer()
  let clock = MachineClock()
  private let running: Task<Void, Never>

  init(
    on speaker: SharedSpeaker? = nil, hasRecognizer: Bool = true, _ change: (inout VoiceSettings) -> Void = { _ in }
  ) async throws {
    if let speaker {
      self.speaker = speaker
    } else {
      self.speaker = try await SharedSpeaker()
    }
    var settings = VoiceSettings()
    settings.recognitionBackoff_ms = 1
    settings.claimInterval_ms = 200
    change(&settings)
    let store = self.speaker.store
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let server = ServerID(UUID().uuidString)
    hub = ConversationHub(notifier: InProcessNotifier())
    turns = TurnEngine(
      server: server, store: store, model: Echo(), hub: hub, settings: ConversationSettings(), clock: clock,
      identifiers: RandomIdentifiers(), launcher: PlainTasks(), logger: logger)
    let voice = VoiceSessions(
      store: store, hub: hub, turns: turns, recognizer: hasRecognizer ? recognizer : nil, settings: settings,
      clock: clock, identifiers: RandomIdentifiers(), launcher: PlainTasks(), logger: logger)
    self.voice = voice
    running = Task { await voice.run() }
  }

  deinit { running.cancel() }

  /// No more recognition here.
  func stop() async {
    running.cancel()
    await running.value
  }

  func call(_ session: String = "s") -> AudioCall {
    AudioCall(
      conversation: speaker.conversation.rawValue, session: session, kind: .segmented, format: nil,
      recordingStarted: false, expires: nil)
  }

  @discardableResult
  func stream(
    _ parts: [AudioPart], session: String = "s", recordingStarted: Bool = false, failing error: (any Error)? = nil
  ) async throws -> [AudioAnswer] {
    var call = call(session)
    call.recordingStarted = recordingStarted
    let source = Mutex(parts[...])
    let answers = Mutex<[AudioAnswer]>([])
    try await voice.stream(speaker.user, call) {
      if let part = source.withLock({ $0.popFirst() }) { return part }
      if let error { throw error }
      return nil
    } answer: { answer in
      answers.withLock { $0.append(answer) }
    }
    return answers.withLock { $0 }
  }

  func transcribe(_ parts: [String]) async throws -> String {
    let source = Mutex(parts[...])
    return try await voice.transcribe(speaker.user, format: nil, duration_ms: 0) {
      source.withLock { $0.popFirst() }.map { Array($0.utf8) }
    }
  }

  /// The user's messages, when there are `count`.
  func messages(_ count: Int) async throws -> [String] {
    var texts: [String] = []
    try await waitUntil {
      texts = try await self.speaker.userMessages()
      return texts.count >= count
    }
    return texts
  }

  func failure() async throws -> TranscriptionFailure {
    var found: TranscriptionFailure?
    try await waitUntil {
      for event in try await self.speaker.events() {
        if case .transcriptionFailed(let failure) = event.kind { found = failure }
      }
      return found != nil
    }
    return try #require(found)
  }
}

/// As `Speaker`, for many tasks: it has no clock of its own.
struct SharedSpeaker: Sendable {
  let store: ConversationStore
  let user: UserID
  let conversation: ConversationID

  init(tier: Tier = .premium) async throws {
    let speaker = try await Speaker(tier: tier)
    (store, user, conversation) = (speaker.store, speaker.user, speaker.conversation)
  }

  func events() async throws -> [DurableEvent] {
    do {
      return try await store.events(
        user: user, conversation: conversation, after: 0, through: .max, limit: 100_000)
    } catch ConversationError.conversationUnknown {
      return []
    }
  }

  func userMessages() async throws -> [String] {
    try await events().compactMap { if case .userMessage(let message) = $0.kind { message.text } else { nil } }
  }

  func count(_ sql: String) async throws -> Int64 { try await store.count(sql, user) }

  func say(_ segment: AudioSegment, session: VoiceSessionID) async throws {
    let now = MachineClock().now()
    _ = try await store.storeSegments(
      StoreSegments(
        key: VoiceSessionKey(user: user, conversation: conversation, session: session, generation: 0), stream: "x",
        kind: .segmented, format: nil, segments: [segment], receivedTime: now, now: now, abandonment_ms: 600_000,
        gapPatience_ms: 300_000))
  }
}

/// Says what the bytes say; `fail`, `garbage` and `hang` do that, `slow…` takes a moment.
final class ScriptedRecognizer: SpeechRecognizer {
  let name = "scripted"
  private let state = Mutex(State())

  private struct State {
    var calls: [String: Int] = [:]
    var now = 0
    var most = 0
  }

  var calls: [String: Int] { state.withLock { $0.calls } }
  var most: Int { state.withLock { $0.most } }

  func transcribe(_ recording: Recording) async throws -> String {
    let words = String(decoding: recording.bytes, as: UTF8.self)
    state.withLock { state in
      state.calls[words, default: 0] += 1
      state.now += 1
      state.most = max(state.most, state.now)
    }
    defer { state.withLock { $0.now -= 1 } }
    switch words {
    case "fail": throw SpeechRecognitionError.unreachable("scripted")
    case "garbage": throw SpeechRecognitionError.invalidAudio("scripted")
    case "hang": try await Task.sleep(for: .seconds(600))
    default: if words.hasPrefix("slow") { try await Task.sleep(for: .milliseconds(5)) }
    }
    return words
  }
}

struct Echo: ChatModel {
  let name = "echo"
  func immediateReply(to request: ChatRequest) -> [String]? { ["好的。"] }
  func reply(to request: ChatRequest) -> AsyncThrowingStream<String, any Error> { AsyncThrowingStream { $0.finish() } }
}

struct MachineClock: WallClock {
  func now() -> Timestamp { Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000)) }
}

struct RandomIdentifiers: IdentifierSource {
  func next() -> String { UUID().uuidString.lowercased() }
}

struct PlainTasks: TaskLauncher {
  func launch(_ operation: @escaping @Sendable () async -> Void) { Task { await operation() } }
}

/// Parts as a client sends them: one reader.
actor PartSource {
  private var iterator: AsyncStream<AudioPart>.Iterator

  init(_ parts: AsyncStream<AudioPart>) { iterator = parts.makeAsyncIterator() }

  func next() async -> AudioPart? {
    var copy = iterator
    let part = await copy.next(isolation: self)
    iterator = copy
    return part
  }
}

extension AudioPart {
  init(_ index: Int, _ words: String, last: Bool = false) {
    self.init(index: index, content: Array(words.utf8), duration_ms: 1_000, isLast: last)
  }
}

struct NeverHappened: Error {}
