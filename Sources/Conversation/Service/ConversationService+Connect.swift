import Interview

extension ConversationService {
  /// Begins to deliver a conversation's events (design §7, Connect): Connected, the replay, the greeting. `nil` when
  /// the stream ends there; else `follow` must be called, and delivers the rest. `deliver` suspends while the reader is
  /// slow; meanwhile the subscription buffers, within its bounds.
  package func connect(
    _ user: UserID, _ call: Connect, deliver: @escaping @Sendable (ConversationOutput) async throws -> Void
  ) async throws -> OpenStream? {
    let conversation = try FieldRules.conversationID(call.conversation)
    let device = try FieldRules.deviceID(call.device, required: call.resume.needsDevice)
    let untilTurn = call.untilTurn.isEmpty ? nil : try FieldRules.turnID(call.untilTurn, field: "until_turn_id")
    let command = ConnectCommand(
      user: user, conversation: conversation, interactive: call.interactive, now: clock.now(),
      replay: try call.resume.replay(), device: device, replayLimit: Limits.replayPage, untilTurn: untilTurn)
    let speech = try renderer(for: call.speech)
    if call.interactive { try turns.admit() }
    let subscription = try hub.subscribe(
      user: user, conversation: conversation, expires: call.expires, speech: speech)
    do {
      let stream = try await begin(command, subscription, deliver: deliver)
      if stream == nil { hub.unsubscribe(subscription) }
      return stream
    } catch {
      hub.unsubscribe(subscription)
      throw error
    }
  }

  private func begin(
    _ command: ConnectCommand, _ subscription: Subscription,
    deliver: @escaping @Sendable (ConversationOutput) async throws -> Void
  ) async throws -> OpenStream? {
    let (user, conversation) = (command.user, command.conversation)
    let outcome = try await store.connect(command)
    if command.untilTurn != nil, outcome.untilTurn == nil { throw ConversationError.turnUnknown }
    subscription.start(after: outcome.head)

    let stream = OutputStream(epoch: outcome.epoch, deliver: deliver)
    try await stream.send(
      .connected(
        Connected(
          head: outcome.head, recovered: outcome.recovered, heartbeatInterval_ms: settings.heartbeatInterval_ms,
          quota: outcome.quota, created: outcome.created)), command.now)
    try await replay(outcome, user, conversation, subscription.speech, to: stream)
    try await stream.send(.replayCompleted(head: outcome.head), clock.now())
    if let speech = subscription.speech {
      speech.begin(epoch: try await store.cancelEpoch(user: user, conversation: conversation), now: clock.now())
    }
    if let turn = outcome.untilTurn, let end = turn.endSequence, end <= outcome.head {
      guard let speech = subscription.speech, !speech.isIdle else { return nil }
      return OpenStream(subscription: subscription, output: stream, greeting: nil, untilTurn: nil, isOver: true)
    }

    let welcome = command.interactive ? try await greet(user, conversation, outcome, now: command.now) : .none
    if case .resume(let suggestions) = welcome {
      try await stream.send(.suggestions(suggestions), clock.now())
    }
    return OpenStream(
      subscription: subscription, output: stream, greeting: welcome.awaited, untilTurn: command.untilTurn, isOver: false
    )
  }

  private func replay(
    _ outcome: ConnectOutcome, _ user: UserID, _ conversation: ConversationID, _ speech: SpeechRenderer?,
    to stream: OutputStream
  ) async throws {
    guard var after = outcome.replayAfter else { return }
    var page = outcome.replay
    while true {
      for event in page {
        try await stream.send(event)
        speech?.followReplay(event)
      }
      guard let last = page.last else { return }
      after = last.sequence
      guard after < outcome.head else { return }
      page = try await store.events(
        user: user, conversation: conversation, after: after, through: outcome.head, limit: Limits.replayPage)
    }
  }

  /// What an interactive client gets besides the log.
  private enum Welcome {
    case none
    case greeting(AwaitedGreeting)
    case resume(Suggestions)

    var awaited: AwaitedGreeting? {
      guard case .greeting(let greeting) = self else { return nil }
      return greeting
    }
  }

  private func greet(
    _ user: UserID, _ conversation: ConversationID, _ outcome: ConnectOutcome, now: Timestamp
  ) async throws -> Welcome {
    if let open = outcome.openGreeting { return .greeting(.turn(open.turn)) }
    let context = outcome.context
    let due = Greeting.due(
      historyIsEmpty: outcome.messageCount == 0, profile: context.profile,
      idle_s: context.lastMessageTime.map { now.seconds(since: $0) },
      settings: GreetingSettings(
        reGreetingEnabled: settings.reGreetingEnabled, reGreetingIdle_s: settings.reGreetingIdle_s))
    if !outcome.hasOpenTurn, let kind = TurnKind(due) {
      let greeting = try await store.enqueueGreeting(
        GreetingCommand(
          user: user, conversation: conversation, kind: kind, turn: TurnID(identifiers.next()),
          expectedMessageCount: outcome.messageCount, lease: turns.leaseRequest, now: now))
      switch greeting {
      case .leased(let turn, let events):
        hub.publish(conversation, events)
        turns.start(turn)
        return .greeting(.turn(turn.lease.turn))
      case .open(let turn, _):
        return .greeting(.turn(turn))
      case .notDue:
        // Somebody was quicker: greeted, or spoke. Either comes as live events, its chips behind it.
        return .greeting(.any)
      case .used: break
      }
    }
    guard let suggestions = try resumeSuggestions(context) else { return .none }
    let ids = suggestions.chips.map(\.id)
    if ids != outcome.lastChipIDs {
      try await store.setChips(user: user, conversation: conversation, chips: suggestions.chips)
    }
    return .resume(suggestions)
  }

  private func resumeSuggestions(_ context: TurnContext) throws -> Suggestions? {
    guard settings.chipsEnabled, context.profile.isComplete else { return nil }
    let state = try InterviewState(jsonText: context.interviewState)
    let chips = Interviewer.chips(state: state, max: settings.chipsMaximum)
    return chips.isEmpty ? nil : Suggestions(reason: .resume, stage: state.stage.rawValue, chips: chips)
  }

  /// Delivers live events. Returns after the end of `untilTurn`; throws the reason for every other end.
  package func follow(_ stream: OpenStream) async throws {
    defer { hub.unsubscribe(stream.subscription) }
    var reader = LiveReader(subscription: stream.subscription, store: store)
    do {
      while !stream.isOver {
        let taken = try await reader.next()
        guard try await pass(taken, to: stream) else { break }
      }
      if stream.subscription.speech != nil { try await finishSpeech(stream) }
    } catch let error as ConversationError {
      if let reason = GoAwayReason(error) {
        try await stream.output.send(
          .goAway(reason: reason, reconnectDelay_ms: settings.reconnectDelay_ms), clock.now())
      }
      throw error
    }
  }

  /// After a stream's last event: what of it is still being read aloud, until somebody interrupts it.
  private func finishSpeech(_ stream: OpenStream) async throws {
    guard let speech = stream.subscription.speech else { return }
    var reader = LiveReader(subscription: stream.subscription, store: store)
    while !speech.isIdle {
      switch try await reader.next() {
      case .speech(let chunk): _ = try await pass(.speech(chunk), to: stream)
      case .durable(let event):
        if event.kind.endsSpeech { speech.follow(event) }
      case .turnChips, .heartbeat, .listeningFeedback: break
      }
    }
  }

  /// False after the stream's last event.
  private func pass(_ taken: Subscription.Taken, to stream: OpenStream) async throws -> Bool {
    switch taken {
    case .durable(let event):
      try await stream.output.send(event)
      stream.subscription.speech?.follow(event)
      if let until = stream.untilTurn, event.turn == until, event.kind.endsTurn { return false }
    case .turnChips(let chips):
      // Chips of a greeting go to whoever waited for it; those of a reply to everybody.
      guard chips.kind == .reply || stream.awaits(chips.turn) else { return true }
      try await stream.output.send(.suggestions(chips.suggestions), clock.now())
    case .heartbeat(let head):
      try await stream.output.send(.heartbeat(head: head), clock.now())
    case .listeningFeedback(let feedback):
      try await stream.output.send(
        .listeningFeedback(session: feedback.session, text: feedback.text), clock.now())
    case .speech(let chunk):
      try await stream.output.send(.speechChunk(chunk), clock.now())
      stream.subscription.speech?.delivered(chunk)
    }
    return true
  }
}

/// An event on its way to a client, with what the envelope says.
package struct ConversationOutput: Sendable, Equatable {
  package var epoch: String
  /// Now, for ephemeral events.
  package var time: Timestamp
  package var event: LiveEvent
}

/// A Connect stream that has caught up with the log.
package final class OpenStream: Sendable {
  fileprivate let subscription: Subscription
  fileprivate let output: OutputStream
  fileprivate let greeting: AwaitedGreeting?
  /// The turn whose end is the stream's.
  fileprivate let untilTurn: TurnID?
  /// Everything was delivered; some of it may still be read aloud.
  fileprivate let isOver: Bool

  fileprivate init(
    subscription: Subscription, output: OutputStream, greeting: AwaitedGreeting?, untilTurn: TurnID?, isOver: Bool
  ) {
    self.subscription = subscription
    self.output = output
    self.greeting = greeting
    self.untilTurn = untilTurn
    self.isOver = isOver
  }

  /// Whether this client waits for the chips of that greeting.
  fileprivate func awaits(_ turn: TurnID) -> Bool {
    switch greeting {
    case nil: false
    case .turn(let awaited): awaited == turn
    case .any: true
    }
  }
}

/// The greeting whose chips a client waits for.
private enum AwaitedGreeting: Sendable {
  case turn(TurnID)
  case any
}

private struct OutputStream: Sendable {
  let epoch: String
  let deliver: @Sendable (ConversationOutput) async throws -> Void

  func send(_ event: LiveEvent, _ time: Timestamp) async throws {
    try await deliver(ConversationOutput(epoch: epoch, time: time, event: event))
  }

  func send(_ event: DurableEvent) async throws {
    try await send(.durable(event), event.createTime)
  }
}

extension Connect.Resume {
  fileprivate var needsDevice: Bool {
    if case .fromAcknowledged = self { true } else { false }
  }

  fileprivate func replay() throws(ConversationError) -> ConnectCommand.Replay {
    switch self {
    case .live: return .none
    case .fromAcknowledged(let epoch): return .fromAcknowledged(epoch: epoch)
    case .after(let sequence, let epoch):
      guard sequence >= 0 else {
        throw .fieldInvalid(field: "resume.after_sequence", description: "must not be negative")
      }
      return .after(sequence: sequence, epoch: epoch)
    }
  }
}

extension TurnKind {
  fileprivate init?(_ due: GreetingKind) {
    switch due {
    case .none: return nil
    case .profileGreeting: self = .profileGreeting
    case .opening: self = .opening
    case .reGreeting: self = .reGreeting
    }
  }
}

extension DurableEvent.Kind {
  fileprivate var endsSpeech: Bool {
    switch self {
    case .userMessage, .speechFinished: true
    case .turnStarted, .agentMessage, .turnCompleted, .turnFailed, .transcriptionFailed, .conversationEnded: false
    }
  }

  fileprivate var endsTurn: Bool {
    switch self {
    case .turnCompleted, .turnFailed: true
    case .userMessage, .turnStarted, .agentMessage, .transcriptionFailed, .speechFinished, .conversationEnded: false
    }
  }
}

extension GoAwayReason {
  fileprivate init?(_ error: ConversationError) {
    switch error {
    case .draining: self = .draining
    case .slowConsumer: self = .slowConsumer
    default: return nil
    }
  }
}
