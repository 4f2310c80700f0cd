import Interview

extension ConversationService {
  /// Stores what the user said, starts the turn, and with `.wait` waits for its end (design §7, SendText).
  package func sendText(_ user: UserID, _ call: SendText, mode: ReplyMode) async throws -> SentText {
    let conversation = try FieldRules.conversationID(call.conversation)
    try FieldRules.message(call.text)
    let request = try FieldRules.requestID(call.request)
    let chip = try FieldRules.chipID(call.chip)
    try turns.admit()

    // Followed from before the command on, so that its end cannot be missed.
    var subscription: Subscription?
    if case .wait = mode {
      subscription = try hub.subscribe(user: user, conversation: conversation, expires: nil, outlastsDrain: true)
    }
    defer { if let subscription { hub.unsubscribe(subscription) } }

    var digest = RequestDigest()
    digest.add(conversation.rawValue)
    digest.add(call.text)
    digest.add(chip ?? "")
    digest.add(call.clientTime?.microseconds ?? 0)
    let outcome = try await store.sendText(
      SendTextCommand(
        user: user, conversation: conversation, text: call.text, request: request, digest: digest.bytes, chipID: chip,
        clientTime: call.clientTime, message: MessageID(identifiers.next()), turn: TurnID(identifiers.next()),
        lease: turns.leaseRequest, now: clock.now()))
    hub.publish(conversation, outcome.events)
    if let leased = outcome.leased { turns.start(leased) }

    var sent = SentText(
      message: outcome.message, turn: outcome.turn, sequence: outcome.sequence, duplicate: outcome.duplicate,
      state: outcome.turnState, quota: outcome.quota, replies: [], failure: nil)
    guard case .wait(let deadline) = mode, let subscription else { return sent }
    if outcome.duplicate, outcome.turnState == .completed || outcome.turnState == .failed {
      try await recall(&sent, user, conversation)
      return sent
    }
    subscription.start(after: outcome.sequence)
    do {
      sent = try await withTimeout(milliseconds: patience_ms(until: deadline)) { [sent] in
        try await follow(sent, subscription)
      }
    } catch is TimedOut {
      sent.state = .running
    } catch ConversationError.draining {
      // The end of it may have come at the last moment; else it goes on on another server.
      sent.state = .running
      try? await recall(&sent, user, conversation)
    }
    return sent
  }

  /// The end of a turn that ended before this call.
  private func recall(_ sent: inout SentText, _ user: UserID, _ conversation: ConversationID) async throws {
    guard let turn = try await store.turn(user: user, conversation: conversation, turn: sent.turn) else { return }
    sent.state = turn.state
    sent.failure = turn.failure
    guard let id = turn.replyID else { return }
    sent.replies = turn.replyPieces.enumerated().map {
      AgentPiece(id: id, text: $1, index: $0, total: turn.replyPieces.count)
    }
  }

  private func follow(_ call: SentText, _ subscription: Subscription) async throws -> SentText {
    var sent = call
    var reader = LiveReader(subscription: subscription, store: store)
    while true {
      guard case .durable(let event) = try await reader.next(), event.turn == sent.turn else { continue }
      switch event.kind {
      case .agentMessage(let piece):
        sent.replies.append(piece)
      case .turnCompleted(_, let quota):
        sent.state = .completed
        if let quota { sent.quota = quota }
        return sent
      case .turnFailed(_, let reason, _):
        sent.state = .failed
        sent.failure = reason
        return sent
      case .userMessage, .turnStarted, .transcriptionFailed, .speechFinished, .conversationEnded:
        continue
      }
    }
  }

  private func patience_ms(until deadline: ContinuousClock.Instant?) -> Int64 {
    guard let deadline else { return settings.waitMaximum_ms }
    let left = (deadline - .now).components
    let left_ms = left.seconds * 1_000 + left.attoseconds / 1_000_000_000_000_000
    return max(0, min(left_ms - settings.waitMargin_ms, settings.waitMaximum_ms))
  }
}
