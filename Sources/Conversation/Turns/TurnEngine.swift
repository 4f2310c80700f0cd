import Interview
package import Logging
import Metrics
import Synchronization

/// Runs turns: plans, asks the chat model, commits the whole reply or nothing, and publishes what was committed.
///
/// Turns are leased rows (design §7, Recovery): this engine runs only what the store leased to this server, renews the
/// leases, and throws a result away that comes under a lease that is no longer its own. Calls come from any thread.
package final class TurnEngine: Sendable {
  private let store: any Store
  private let model: any ChatModel
  private let hub: ConversationHub
  private let settings: ConversationSettings
  private let clock: any WallClock
  private let identifiers: any IdentifierSource
  private let launcher: any TaskLauncher
  private let logger: Logger
  package let server: ServerID
  private let modelCalls: Gate
  private let state = Mutex(State())
  private let lanes = UserLanes()
  private let metrics = TurnMetrics()

  private struct State {
    var open: Set<TurnLease> = []
    var isStopping = false
    var drained: CheckedContinuation<Void, Never>?
  }

  package init(
    server: ServerID, store: any Store, model: any ChatModel, hub: ConversationHub, settings: ConversationSettings,
    clock: any WallClock, identifiers: any IdentifierSource, launcher: any TaskLauncher, logger: Logger
  ) {
    self.server = server
    self.store = store
    self.model = model
    self.hub = hub
    self.settings = settings
    self.clock = clock
    self.identifiers = identifiers
    self.launcher = launcher
    self.logger = logger
    modelCalls = Gate(width: Limits.concurrentModelCalls)
  }

  package var leaseRequest: LeaseRequest { LeaseRequest(server: server, duration_ms: settings.lease_ms) }
  package var openCount: Int { state.withLock { $0.open.count } }

  /// Refuses new work while stopping or when too many turns are open: before anything is stored.
  package func admit() throws(ConversationError) {
    let (open, isStopping) = state.withLock { ($0.open.count, $0.isStopping) }
    if isStopping { throw .draining }
    if open >= Limits.openTurns { throw .overloaded("too many open turns") }
  }

  /// Runs a turn that the store has leased to this server, and those of its conversation that follow it.
  package func start(_ turn: LeasedTurn) {
    state.withLock { _ = $0.open.insert(turn.lease) }
    launcher.launch { [self] in
      var current: LeasedTurn? = turn
      while let turn = current {
        current = await finish(turn)
        close(turn.lease, next: current?.lease)
      }
    }
  }

  /// Prolongs the leases of everything that runs here.
  package func renewLeases() async {
    let open = state.withLock { Array($0.open) }
    guard !open.isEmpty else { return }
    do {
      let kept = try await store.renewLeases(server: server, leases: open, duration_ms: settings.lease_ms)
      // Those that ended while the store was asked are no loss.
      let lost = state.withLock { $0.open }.intersection(open).subtracting(kept)
      if !lost.isEmpty { logger.warning("turn leases lost", metadata: ["count": "\(lost.count)"]) }
    } catch {
      logger.warning("turn leases not renewed", metadata: ["error": "\(error)"])
    }
  }

  /// Takes over turns of servers that died; of every other server when this one is alone on its database.
  package func claim(alone: Bool) async throws {
    while !state.withLock({ $0.isStopping }) {
      let claimed = try await store.claimTurns(
        server: server, alone: alone, duration_ms: settings.lease_ms, limit: Limits.claimBatch, now: clock.now())
      for claim in claimed {
        metrics.takenOver.increment()
        hub.publish(claim.turn.conversation, claim.events)
        start(claim.turn)
      }
      if claimed.count < Limits.claimBatch { return }
    }
  }

  /// No new turns; returns when the running ones have ended, or when the calling task is cancelled.
  package func stop() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let done = state.withLock { state in
          state.isStopping = true
          if state.open.isEmpty || Task.isCancelled { return true }
          state.drained = continuation
          return false
        }
        if done { continuation.resume() }
      }
    } onCancel: {
      state.withLock { state in
        defer { state.drained = nil }
        return state.drained
      }?.resume()
    }
  }

  private func close(_ lease: TurnLease, next: TurnLease?) {
    let drained = state.withLock { state -> CheckedContinuation<Void, Never>? in
      state.open.remove(lease)
      if let next { state.open.insert(next) }
      guard state.isStopping, state.open.isEmpty else { return nil }
      defer { state.drained = nil }
      return state.drained
    }
    drained?.resume()
  }

  /// Ends one turn; returns the conversation's next one, which the same transaction leased.
  private func finish(_ turn: LeasedTurn) async -> LeasedTurn? {
    let began = ContinuousClock.now
    do {
      guard turn.attempt <= Limits.turnAttempts else {
        return try await fail(turn, .attemptsExhausted, retryable: false)
      }
      let draft = try TurnDraft(turn, settings: settings, now: clock.now())
      let answer: Answer
      do {
        answer = try await write(draft)
        metrics.modelTime.recordNanoseconds(began.elapsed_ns)
      } catch {
        metrics.modelFailures.increment()
        logger.warning(
          "the chat model gave no reply",
          metadata: Self.metadata(turn, error, ["model": "\(model.name)"]))
        guard let template = draft.template else {
          return try await fail(turn, error is TimedOut ? .engineTimedOut : .engineFailed, retryable: true)
        }
        answer = Answer(pieces: template, firstPieceTime: nil)
      }
      let next: LeasedTurn?
      do {
        next = try await lanes.pass(turn.user) { try await commit(turn, draft, answer) }
      } catch ConversationError.storeRefused(let what) {
        logger.error("a reply cannot be stored", metadata: Self.metadata(turn, ConversationError.storeRefused(what)))
        return try await fail(turn, .engineFailed, retryable: true)
      }
      metrics.turnTime.recordNanoseconds(began.elapsed_ns)
      return next
    } catch {
      // The lease runs out and the turn is taken over, by this server or another one.
      logger.error(
        "a turn could not be ended", metadata: Self.metadata(turn, error))
      return nil
    }
  }

  private static func metadata(
    _ turn: LeasedTurn, _ error: any Error, _ more: Logger.Metadata = [:]
  ) -> Logger.Metadata {
    var metadata = more
    metadata["turn"] = "\(turn.lease.turn)"
    metadata["error"] = "\(error)"
    if let trace = CallTrace.current { metadata["request_id"] = "\(trace.requestID)" }
    return metadata
  }

  private struct Answer: Sendable {
    let pieces: [String]
    /// When the model's first words were there; `nil` when it said nothing.
    let firstPieceTime: Timestamp?
  }

  private func write(_ draft: TurnDraft) async throws -> Answer {
    let began = ContinuousClock.now
    if let pieces = model.immediateReply(to: draft.request) {
      guard !pieces.isEmpty else { throw ChatModelError.empty }
      metrics.firstPieceTime.recordNanoseconds(began.elapsed_ns)
      return Answer(pieces: pieces, firstPieceTime: clock.now())
    }
    let timeout_ms = draft.isGreeting ? settings.greetingTimeout_ms : settings.replyTimeout_ms
    return try await withTimeout(milliseconds: timeout_ms) { [model, modelCalls, metrics, clock] in
      try await modelCalls.pass {
        let asked = ContinuousClock.now
        var text = ""
        var first: Timestamp?
        for try await part in model.reply(to: draft.request) {
          if first == nil {
            first = clock.now()
            metrics.firstPieceTime.recordNanoseconds(asked.elapsed_ns)
          }
          text += part
          guard text.utf8.count <= Limits.replyBytes else {
            throw ChatModelError.tooLarge(limit_bytes: Limits.replyBytes)
          }
        }
        let pieces = Pieces.split(MessageText.withoutNUL(text))
        guard !pieces.isEmpty else { throw ChatModelError.empty }
        return Answer(pieces: pieces, firstPieceTime: first)
      }
    }
  }

  private func commit(_ turn: LeasedTurn, _ first: TurnDraft, _ answer: Answer) async throws -> LeasedTurn? {
    var draft = first
    let message = MessageID(identifiers.next())
    for _ in 0..<Limits.statePlans {
      let result = draft.result(answer.pieces, settings: settings)
      let completion = TurnCompletion(
        user: turn.user, conversation: turn.conversation, lease: turn.lease, message: message,
        pieces: answer.pieces, firstPieceTime: answer.firstPieceTime,
        interviewState: result.state.jsonText, interviewStage: result.state.stage.rawValue,
        interviewVersion: draft.context.interviewVersion,
        awaitsProfileAnswer: result.state.pendingProfileField != nil, profile: result.profile,
        profileChanges: result.profileChanges, stage: result.stage, chips: result.chips, nextLease: leaseRequest,
        now: clock.now())
      let outcome = try await persist("complete a turn") { try await self.store.completeTurn(completion) }
      switch outcome {
      case .ended(let events, _, let next):
        let suggestions = result.suggestions(for: turn.kind)
        hub.publish(
          turn.conversation, events,
          chips: suggestions.map { TurnChips(turn: turn.lease.turn, kind: turn.kind, suggestions: $0) })
        metrics.completed.increment()
        return next
      case .fenced:
        metrics.fenced.increment()
        return nil
      case .stateChanged(let context):
        draft = try TurnDraft(turn, context: context, settings: settings, now: clock.now())
      }
    }
    throw ConversationError.overloaded("the interview state keeps changing")
  }

  private func fail(_ turn: LeasedTurn, _ reason: TurnFailureReason, retryable: Bool) async throws -> LeasedTurn? {
    let failure = TurnFailure(
      user: turn.user, conversation: turn.conversation, lease: turn.lease, reason: reason, retryable: retryable,
      nextLease: leaseRequest, now: clock.now())
    let outcome = try await persist("fail a turn") { try await self.store.failTurn(failure) }
    guard case .ended(let events, _, let next) = outcome else { return nil }
    metrics.failed.increment()
    hub.publish(turn.conversation, events)
    return next
  }

  /// Both ends of a turn are fenced by the lease, so they may be repeated while the store is away.
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
}
