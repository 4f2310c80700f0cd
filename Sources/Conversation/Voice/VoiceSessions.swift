package import Logging
import Metrics
import Synchronization

/// Speech of users (design §7, StreamAudio): makes it durable, has it recognised, and turns it into messages. Calls come
/// from any thread; errors are `ConversationError`.
package final class VoiceSessions: Sendable {
  let store: any VoiceStore
  let hub: ConversationHub
  let settings: VoiceSettings
  let clock: any WallClock
  let identifiers: any IdentifierSource
  let launcher: any TaskLauncher
  let logger: Logger
  let metrics = VoiceMetrics()
  let workers: RecognitionWorkers
  private let writer: SegmentWriter
  let receivedAudio = MemoryBudget(
    size_bytes: Limits.receivedAudio_bytes, share_bytes: Limits.receivedAudioShare_bytes)
  let assembledAudio = MemoryBudget(
    size_bytes: Limits.assembledAudio_bytes, share_bytes: Limits.assembledAudioShare_bytes)
  private let state = Mutex(State())

  private struct State {
    var streams: [ObjectIdentifier: AudioStream] = [:]
    var userStreams = UserStreams()
    var isDraining = false
  }

  /// - Parameter recognizer: `nil`: audio is kept, and what was said is told to be unknown (`ENGINE_MISSING`).
  package init(
    store: any VoiceStore, hub: ConversationHub, turns: TurnEngine, recognizer: (any SpeechRecognizer)?,
    settings: VoiceSettings, clock: any WallClock, identifiers: any IdentifierSource, launcher: any TaskLauncher,
    logger: Logger
  ) {
    self.store = store
    writer = SegmentWriter(store: store)
    self.hub = hub
    self.settings = settings
    self.clock = clock
    self.identifiers = identifiers
    self.launcher = launcher
    self.logger = logger
    workers = RecognitionWorkers(
      store: store, hub: hub, turns: turns, recognizer: recognizer, settings: settings, clock: clock,
      identifiers: identifiers, logger: logger)
  }

  var now: Timestamp { clock.now() }

  /// Recognises and finishes sessions until the task is cancelled.
  package func run() async { await workers.run() }

  /// This server is alone on its database: what a dead one began to recognise is taken over at once.
  package func takeOver() { workers.takeOver() }

  /// Takes nothing more in: the streams answer what they have received and end with `.draining`.
  package func drain() {
    let streams = state.withLock { state in
      state.isDraining = true
      return Array(state.streams.values)
    }
    for stream in streams { stream.end(.draining) }
  }

  /// One StreamAudio call. `next` gives what comes after the config, `nil` at the end; `answer` suspends while the
  /// client is slow, and then nothing more is read.
  /// - Parameter arrived_bytes: what the network has brought, with the beginning of a message; 0 where there is none.
  package func stream(
    _ user: UserID, _ call: AudioCall, arrived_bytes: @escaping @Sendable () -> Int = { 0 },
    next: @escaping @Sendable () async throws -> AudioPart?,
    answer: @escaping @Sendable (AudioAnswer) async throws -> Void
  ) async throws {
    let stream = AudioStream(
      key: try key(user, call.conversation, call.session, field: "config."), call: call, id: identifiers.next(),
      sessions: self)
    let refusal = state.withLock { state -> ConversationError? in
      if state.isDraining { return .draining }
      guard state.userStreams.add(user) else { return .tooManyStreams(limit: Limits.userStreams) }
      state.streams[ObjectIdentifier(stream)] = stream
      return nil
    }
    if let refusal { throw refusal }
    defer {
      state.withLock { state in
        state.streams[ObjectIdentifier(stream)] = nil
        state.userStreams.remove(user)
      }
    }
    try await stream.run(arrived_bytes: arrived_bytes, next: next, answer: answer)
  }

  package func session(
    _ user: UserID, conversation: String, session: String
  ) async throws -> VoiceSessionRecord {
    try await store.voiceSession(try key(user, conversation, session))
  }

  /// Recognises a failed session again; any other session is left alone.
  package func retry(
    _ user: UserID, conversation: String, session: String, generation: Int, request: String
  ) async throws -> VoiceSessionState {
    var key = try key(user, conversation, session)
    _ = try FieldRules.requestID(request)
    guard generation >= 0 else {
      throw ConversationError.fieldInvalid(field: "generation", description: "must not be negative")
    }
    key.generation = generation
    guard workers.hasRecognizer else { throw ConversationError.engineMissing }
    let state = try await store.retryTranscription(key, now: now)
    workers.wake()
    return state
  }

  private func key(
    _ user: UserID, _ conversation: String, _ session: String, field: String = ""
  ) throws(ConversationError) -> VoiceSessionKey {
    VoiceSessionKey(
      user: user, conversation: try FieldRules.conversationID(conversation, field: field + "conversation_id"),
      session: try FieldRules.voiceSessionID(session, field: field + "voice_session_id"), generation: 0)
  }

  // MARK: What a stream needs

  func commit(
    _ segments: [AudioSegment], key: VoiceSessionKey, call: AudioCall, stream: String, expectedIndex: Int?
  ) async throws -> StoredSegments {
    let received = now
    let began = ContinuousClock.now
    let stored = try await writer.write(
      StoreSegments(
        key: key, stream: stream, kind: call.kind, format: call.format, segments: segments,
        expectedIndex: expectedIndex, receivedTime: received, now: received, abandonment_ms: settings.abandonment_ms,
        gapPatience_ms: settings.gapPatience_ms))
    metrics.storeTime.recordNanoseconds(began.elapsed_ns)
    var fresh = 0
    for verdict in stored.verdicts {
      switch verdict {
      case .stored: fresh += 1
      case .duplicate: metrics.duplicates.increment()
      case .conflict, .full, .finished, .beyondLast: metrics.refused.increment()
      }
    }
    metrics.segments.increment(by: fresh)
    if isOver(stored.state, isDue: stored.isDue) {
      finish(key, generation: stored.generation)
    } else if fresh > 0, stored.generation > 1, segments[0].index == 0 {
      // The generation before it may have been abandoned just now.
      workers.lookForEndings()
    } else if fresh > 0 {
      workers.wake()
    }
    return stored
  }

  /// The last segment was refused because the session has all it may have: what is stored is the recording. `nil`: it has
  /// ended, or nothing of it is stored.
  func endRecording(_ key: VoiceSessionKey) async throws -> EndedRecording? {
    guard let ended = try await store.endRecording(key, gapPatience_ms: settings.gapPatience_ms, now: now) else {
      return nil
    }
    if isOver(ended.state, isDue: ended.isDue) { finish(key, generation: ended.generation) }
    return ended
  }

  /// Nothing more will be recognised of it.
  private func isOver(_ state: VoiceSessionState, isDue: Bool) -> Bool {
    isDue || (!workers.hasRecognizer && state == .transcribing)
  }

  private func finish(_ key: VoiceSessionKey, generation: Int) {
    var key = key
    key.generation = generation
    workers.finish(key)
  }

  /// Gives back the memory of segments that are answered.
  func release(_ entries: [SegmentQueue.Entry], of user: UserID) {
    var size_bytes = 0
    for case .segment(let segment) in entries { size_bytes += segment.content.count }
    if size_bytes > 0 { receivedAudio.release(size_bytes, of: user) }
  }

  /// Stores in the background what a stream received and could not answer.
  func keep(_ entries: [SegmentQueue.Entry], of stream: AudioStream, generation: Int = 0) {
    guard entries.contains(where: \.isToBeStored) else { return }
    launcher.launch { [self] in
      var generation = generation
      for entry in entries {
        do {
          switch entry {
          case .segment(let segment): generation = try await stream.commit([segment], generation: generation).generation
          case .refused(_, _, endsRecording: true): _ = try await stream.endRecording(generation: generation)
          case .refused: break
          }
        } catch {
          logger.warning("speech of a broken stream was not stored", metadata: ["error": "\(error)"])
          break
        }
      }
      release(entries, of: stream.key.user)
    }
  }

  /// Waits, then says that somebody listens: once per recording, wherever it goes on.
  func giveFeedback(_ recording: VoiceSessionKey) async throws {
    var key = recording
    guard let armed = try await store.armFeedback(key, delay_ms: settings.feedbackDelay_ms, now: now) else { return }
    key.generation = armed.generation
    try await Task.sleep(for: .milliseconds(armed.wait_ms))
    if try await store.fireFeedback(key, armed: armed.time, now: now) {
      hub.say(ListeningFeedback(conversation: key.conversation, session: key.session, text: settings.feedbackText))
    }
  }
}
