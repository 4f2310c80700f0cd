import Interview
import Logging
import Metrics
import Synchronization

/// Recognises segments and finishes sessions: leased work, bounded, and the same on every server (design §7, Recovery).
///
/// Stored segments wake it at once; every `claimInterval_ms` it looks for what other servers left. Calls come from any
/// thread.
final class RecognitionWorkers: Sendable {
  private let store: any VoiceStore
  private let hub: ConversationHub
  private let turns: TurnEngine
  private let recognizer: (any SpeechRecognizer)?
  private let settings: VoiceSettings
  private let clock: any WallClock
  private let identifiers: any IdentifierSource
  private let logger: Logger
  private let metrics = VoiceMetrics()
  private let alarm = Alarm()
  /// Sessions may have come to their end.
  private let endings = Alarm()
  private let servingSince: Timestamp
  private let gate: Gate
  private let state = Mutex(State())

  private struct State {
    var running: Set<SegmentLease> = []
    var due: Set<VoiceSessionKey> = []
    /// Being finished now; at most `Limits.endingsAtOnce`.
    var finishing: Set<VoiceSessionKey> = []
    var looksForDue = true
    /// The next claim takes what other servers have leased: they are dead.
    var isAlone = false
    /// Where the next round of claims begins.
    var nextUser: UserID?
  }

  init(
    store: any VoiceStore, hub: ConversationHub, turns: TurnEngine, recognizer: (any SpeechRecognizer)?,
    settings: VoiceSettings, clock: any WallClock, identifiers: any IdentifierSource, logger: Logger
  ) {
    self.store = store
    self.hub = hub
    self.turns = turns
    self.recognizer = recognizer
    self.settings = settings
    self.clock = clock
    self.identifiers = identifiers
    self.logger = logger
    gate = Gate(width: max(1, settings.workers))
    servingSince = clock.now()
  }

  var hasRecognizer: Bool { recognizer != nil }

  /// A segment waits here. With every worker busy, the end of one looks for it.
  func wake() {
    let isBusy = state.withLock { $0.running.count >= max(1, settings.workers) }
    if hasRecognizer, !isBusy { alarm.ring() }
  }

  /// This server is alone on its database: what others have leased is taken over at once.
  func takeOver() {
    state.withLock { $0.isAlone = true }
    alarm.ring()
  }

  /// Sessions may have ended otherwise than by a recognition.
  func lookForEndings() {
    state.withLock { $0.looksForDue = true }
    endings.ring()
  }

  /// A session has nothing left to wait for.
  func finish(_ key: VoiceSessionKey) {
    state.withLock { _ = $0.due.insert(key) }
    endings.ring()
  }

  /// Runs until the task is cancelled; what is under way is taken over by others when its lease has ended.
  func run() async {
    await withDiscardingTaskGroup { group in
      group.addTask { await self.every(self.settings.leaseRenewal_ms) { await self.renew() } }
      group.addTask {
        await self.every(self.settings.claimInterval_ms) {
          self.lookForEndings()
          self.alarm.ring()
        }
      }
      // Beside the claims and beside each other: an end that takes long holds nobody else up.
      group.addTask {
        await withDiscardingTaskGroup { group in
          while !Task.isCancelled {
            for key in await self.takeEndings() {
              group.addTask { await self.finishAndForget(key) }
            }
            await self.endings.wait()
          }
          group.cancelAll()
        }
      }
      while !Task.isCancelled {
        // Without an engine, sessions are told so when they end.
        let free = recognizer == nil ? 0 : max(1, settings.workers) - state.withLock { $0.running.count }
        let claimed = free > 0 ? await claim(free) : []
        for segment in claimed {
          group.addTask { await self.recognise(segment) }
        }
        // With every worker busy, the end of one rings.
        if claimed.count < free || free <= 0 { await alarm.wait() }
      }
      group.cancelAll()
    }
  }

  /// A recording that is not stored, within the same bounds.
  func transcribe(_ recording: Recording) async throws -> String {
    guard let recognizer else { throw ConversationError.engineMissing }
    return try await gate.pass {
      try await withTimeout(milliseconds: self.patience_ms(recording)) {
        Self.spoken(try await recognizer.transcribe(recording))
      }
    }
  }

  /// An engine may take as long as the recording is, and some time more.
  private func patience_ms(_ recording: Recording) -> Int64 {
    let assumed_ms = Int64(recording.bytes.count) * 1_000 / Limits.assumedAudio_bytesPerSecond
    return settings.recognitionTimeout_ms + max(recording.duration_ms, assumed_ms)
  }

  /// What of a recogniser's answer somebody said. An engine in the field answers a failure with a text that begins so,
  /// which must not become the person's words.
  private static func spoken(_ answer: String) -> String {
    answer.hasPrefix("转写失败") ? "" : MessageText.withoutNUL(answer)
  }

  private func claim(_ limit: Int) async -> [ClaimedSegment] {
    let claim = state.withLock { state in
      ClaimSegments(
        server: turns.server, alone: state.isAlone, duration_ms: settings.lease_ms, limit: limit,
        busy: state.running.map(\.key.user), after: state.nextUser, now: clock.now())
    }
    do {
      let claimed = try await store.claimSegments(claim)
      state.withLock { state in
        if claimed.segments.count < limit { state.isAlone = false }
        for segment in claimed.segments { state.running.insert(segment.lease) }
        state.nextUser = claimed.next
      }
      return claimed.segments
    } catch {
      logger.warning("speech to recognise not looked for", metadata: ["error": "\(error)"])
      return []
    }
  }

  private func recognise(_ segment: ClaimedSegment) async {
    let began = ContinuousClock.now
    metrics.waitTime.recordMicroseconds(max(0, clock.now().microseconds - segment.storeTime.microseconds))
    let result = await result(of: segment)
    defer { release(segment.lease) }
    guard let result else { return }
    switch result {
    case .recognised:
      metrics.recognised.increment()
      metrics.recognitionTime.recordNanoseconds(began.elapsed_ns)
    case .failed(_, nil): metrics.givenUp.increment()
    case .failed: metrics.failures.increment()
    }
    do {
      let end = RecognitionEnd(
        lease: segment.lease, result: result, recognizer: recognizer?.name ?? "", now: clock.now())
      if try await persist("store a transcript", { try await self.store.endRecognition(end) }) {
        await finishSession(segment.lease.key)
      }
    } catch {
      // The lease runs out and the segment is taken up again.
      logger.error("a transcript could not be stored", metadata: ["error": "\(error)"])
    }
    guard case .failed(_, let backoff_ms?) = result else { return }
    release(segment.lease)
    try? await Task.sleep(for: .milliseconds(backoff_ms))
    alarm.ring()
  }

  /// `nil`: this server is stopping.
  private func result(of segment: ClaimedSegment) async -> RecognitionEnd.Result? {
    guard let recognizer else { return .failed(.engineMissing, backoff_ms: nil) }
    guard segment.losses < Limits.recognitionLosses else { return .failed(.engineInterrupted, backoff_ms: nil) }
    do {
      let text = try await withTimeout(milliseconds: patience_ms(segment.recording)) {
        try await recognizer.transcribe(segment.recording)
      }
      return .recognised(Self.spoken(text))
    } catch {
      if Task.isCancelled { return nil }
      logger.warning(
        "speech was not recognised",
        metadata: [
          "engine": "\(recognizer.name)", "conversation": "\(segment.lease.key.conversation)",
          "voice_session": "\(segment.lease.key.session)", "index": "\(segment.lease.index)",
          "failures": "\(segment.failures + 1)", "error": "\(error)",
        ])
      if case .invalidAudio? = error as? SpeechRecognitionError { return .failed(.engineFailed, backoff_ms: nil) }
      let isLast = segment.failures + 1 >= Limits.recognitionFailures
      return .failed(.engineFailed, backoff_ms: isLast ? nil : settings.recognitionBackoff_ms << segment.failures)
    }
  }

  /// The sessions to finish now.
  private func takeEndings() async -> [VoiceSessionKey] {
    let looks = state.withLock { state in
      defer { state.looksForDue = false }
      return state.looksForDue
    }
    if looks {
      do {
        let due = try await store.dueSessions(now: clock.now(), limit: Limits.dueSessions)
        state.withLock { $0.due.formUnion(due) }
      } catch {
        logger.warning("ended voice sessions not looked for", metadata: ["error": "\(error)"])
      }
    }
    return state.withLock { state in
      let room = Limits.endingsAtOnce - state.finishing.count
      let taken = Array(state.due.subtracting(state.finishing).prefix(max(0, room)))
      state.due.subtract(taken)
      state.finishing.formUnion(taken)
      return taken
    }
  }

  private func finishAndForget(_ key: VoiceSessionKey) async {
    await finishSession(key)
    let isMoreDue = state.withLock { state in
      state.finishing.remove(key)
      return !state.due.isEmpty
    }
    if isMoreDue { endings.ring() }
  }

  private func finishSession(_ key: VoiceSessionKey) async {
    do {
      let command = FinishSession(
        key: key, message: MessageID(identifiers.next()), turn: TurnID(identifiers.next()), lease: turns.leaseRequest,
        now: clock.now(), servingSince: servingSince, settings: settings, engineIsMissing: recognizer == nil)
      guard let finished = try await persist("finish a voice session", { try await self.store.finishSession(command) })
      else { return }
      hub.publish(key.conversation, finished.events)
      let hasMessage = finished.events.contains { if case .userMessage = $0.kind { true } else { false } }
      (hasMessage ? metrics.completed : metrics.failed).increment()
      if let leased = finished.leased { turns.start(leased) }
    } catch {
      // It stays due.
      logger.error("a voice session could not be finished", metadata: ["error": "\(error)"])
    }
  }

  private func renew() async {
    let running = state.withLock { Array($0.running) }
    guard !running.isEmpty else { return }
    do {
      try await store.renewSegments(server: turns.server, leases: running, duration_ms: settings.lease_ms)
    } catch {
      logger.warning("leases of speech not renewed", metadata: ["error": "\(error)"])
    }
  }

  /// What it repeats is fenced by a lease or by the session's state.
  private func persist<R>(_ what: String, _ operation: () async throws -> R) async throws -> R {
    var delay_ms: Int64 = 50
    for _ in 1..<Limits.storeAttempts {
      do {
        return try await operation()
      } catch let error as ConversationError where error.isPassing {
        logger.warning("the store is in trouble", metadata: ["doing": "\(what)", "error": "\(error)"])
        try await Task.sleep(for: .milliseconds(delay_ms))
        delay_ms *= 2
      }
    }
    return try await operation()
  }

  /// The worker is free for the next segment.
  private func release(_ lease: SegmentLease) {
    let wasRunning = state.withLock { $0.running.remove(lease) } != nil
    if wasRunning { alarm.ring() }
  }

  private func every(_ interval_ms: Int64, _ action: @Sendable () async -> Void) async {
    while !Task.isCancelled {
      do { try await Task.sleep(for: .milliseconds(max(1, interval_ms))) } catch { return }
      await action()
    }
  }
}
