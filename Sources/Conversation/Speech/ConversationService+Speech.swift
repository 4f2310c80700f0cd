import Metrics

extension ConversationService {
  /// What a stream that asks for speech will carry; `nil`: no engine is configured, and no chunk will come.
  package func speechFormat(_ speech: Connect.Speech) throws -> SpeechFormat? {
    let format = try FieldRules.speechFormat(speech.format)
    return self.speech == nil ? nil : format
  }

  func renderer(for speech: Connect.Speech?) throws -> SpeechRenderer? {
    guard let speech else { return nil }
    try FieldRules.text(speech.voice, field: "speech.voice", characters: Limits.voiceCharacters)
    guard let format = try speechFormat(speech), let engine = self.speech else { return nil }
    return SpeechRenderer(engine: engine, voice: speech.voice, format: format)
  }

  /// Silences the replies up to that of `turn` ("": all so far), and stores what was heard of it (design §7, Speech out).
  ///
  /// When this returns, no stream of this server delivers a chunk of them any more. That includes the chunk that was
  /// being written when the cancel came, unless its reader does not take it within `Limits.speechSettling_ms`.
  /// - Parameters:
  ///   - heard_ms: how much of the reply's audio was played; `nil`: not known.
  ///   - fromPiece: where the playing began; what is before it counts as heard.
  package func cancelSpeech(
    _ user: UserID, conversation: String, turn: String, heard_ms: Int64?, fromPiece: Int = 0, request: String
  ) async throws -> (epoch: Int64, duplicate: Bool) {
    let conversation = try FieldRules.conversationID(conversation)
    let turn = turn.isEmpty ? nil : try FieldRules.turnID(turn)
    let heard_ms = try FieldRules.heard(heard_ms)
    guard fromPiece >= 0 else {
      throw ConversationError.fieldInvalid(field: "heard_from_piece", description: "must not be negative")
    }
    let request = try FieldRules.requestID(request)
    var digest = RequestDigest()
    digest.add(conversation.rawValue)
    digest.add(turn?.rawValue ?? "")
    digest.add(heard_ms ?? -1)
    // Digests of clients that do not know the field stay what they were.
    if fromPiece > 0 { digest.add(Int64(fromPiece)) }
    var heard: CancelSpeechCommand.Heard?
    if let heard_ms, let reply = try await spokenReply(user, conversation, turn) {
      heard = CancelSpeechCommand.Heard(reply: reply.sequence, text: reply.heardText(after: heard_ms, from: fromPiece))
    }
    let outcome = try await store.cancelSpeech(
      CancelSpeechCommand(
        user: user, conversation: conversation, turn: turn, heard: heard, request: request, digest: digest.bytes,
        now: clock.now()))
    if !outcome.duplicate { speech?.metrics.cancels.increment() }
    await hub.silence(outcome, of: user, conversation)
    return (outcome.epoch, outcome.duplicate)
  }

  /// The reply as it is read aloud on this server, with the durations of its sentences; the rest, or all, as it is stored.
  private func spokenReply(
    _ user: UserID, _ conversation: ConversationID, _ turn: TurnID?
  ) async throws -> SpokenReply? {
    let here = hub.speakers(of: conversation, user: user).compactMap { $0.spokenReply(turn) }
    let best = here.max { ($0.sequence, -$0.missingPieces) < ($1.sequence, -$1.missingPieces) }
    if let best, best.missingPieces == 0 { return best }
    let stored = try await store.reply(user: user, conversation: conversation, turn: best?.turn ?? turn).map {
      SpokenReply(turn: $0.turn, sequence: $0.sequence, texts: $0.pieces)
    }
    guard let stored, let best, stored.sequence == best.sequence else { return stored }
    return best.completed(by: stored)
  }
}
