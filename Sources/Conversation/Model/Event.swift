/// One entry of a conversation's log: durable, gapless, in commit order (design §5, §6).
package struct DurableEvent: Sendable, Equatable {
  /// From 1.
  package var sequence: Int64
  package var createTime: Timestamp
  package var turn: TurnID?
  package var request: RequestID?
  package var kind: Kind

  package init(sequence: Int64, createTime: Timestamp, turn: TurnID?, request: RequestID?, kind: Kind) {
    self.sequence = sequence
    self.createTime = createTime
    self.turn = turn
    self.request = request
    self.kind = kind
  }

  package indirect enum Kind: Sendable, Equatable {
    case userMessage(UserMessage)
    case turnStarted(kind: TurnKind, attempt: Int)
    case agentMessage(AgentPiece)
    case turnCompleted(kind: TurnKind, quota: QuotaSnapshot?)
    case turnFailed(kind: TurnKind, reason: TurnFailureReason, retryable: Bool)
    case transcriptionFailed(TranscriptionFailure)
    case speechFinished(SpeechFinish)
    case conversationEnded
  }
}

package struct UserMessage: Sendable, Equatable {
  package var id: MessageID
  package var text: String
  package var source: MessageSource
  package var chipID: String?
  /// As the client said.
  package var clientTime: Timestamp?
  /// Of a spoken message.
  package var voiceSession: VoiceSessionID?
  package var audioDuration_ms: Int64?
  package var timings: SpeechTimings?

  package init(
    id: MessageID, text: String, source: MessageSource, chipID: String?, clientTime: Timestamp?,
    voiceSession: VoiceSessionID? = nil, audioDuration_ms: Int64? = nil, timings: SpeechTimings? = nil
  ) {
    self.id = id
    self.text = text
    self.source = source
    self.chipID = chipID
    self.clientTime = clientTime
    self.voiceSession = voiceSession
    self.audioDuration_ms = audioDuration_ms
    self.timings = timings
  }
}

/// When the stages before a spoken message were passed, on the servers' clocks.
package struct SpeechTimings: Sendable, Equatable {
  /// The first segment was received.
  package var received: Timestamp
  /// The last segment was durable.
  package var durable: Timestamp
  /// The last transcript was there.
  package var recognised: Timestamp

  package init(received: Timestamp, durable: Timestamp, recognised: Timestamp) {
    self.received = received
    self.durable = durable
    self.recognised = recognised
  }
}

/// Speech that could not be recognised; its audio is kept.
package struct TranscriptionFailure: Sendable, Equatable {
  package var session: VoiceSessionID
  package var generation: Int
  /// The segments concerned; empty: the whole session.
  package var indices: [Int]
  package var reason: TranscriptionFailureReason
  package var retryable: Bool

  package init(
    session: VoiceSessionID, generation: Int, indices: [Int], reason: TranscriptionFailureReason, retryable: Bool
  ) {
    self.session = session
    self.generation = generation
    self.indices = indices
    self.reason = reason
    self.retryable = retryable
  }
}

/// The speech of replies was cancelled.
package struct SpeechFinish: Sendable, Equatable {
  /// The reply that was being read aloud.
  package var message: MessageID
  package var cancelled: Bool
  /// What of it was heard; all of it when nobody said.
  package var heardText: String
  /// The conversation's cancel epoch from here on.
  package var cancelEpoch: Int64
  /// Replies up to this sequence are not read aloud any more.
  package var through: Int64

  package init(message: MessageID, cancelled: Bool, heardText: String, cancelEpoch: Int64, through: Int64) {
    self.message = message
    self.cancelled = cancelled
    self.heardText = heardText
    self.cancelEpoch = cancelEpoch
    self.through = through
  }
}

/// Why speech gave no text; the raw value is stored and is the ErrorInfo reason (design §5, Errors).
package enum TranscriptionFailureReason: String, Sendable, Codable {
  case noSpeech = "NO_SPEECH"
  case engineFailed = "ENGINE_FAILED"
  case engineMissing = "ENGINE_MISSING"
  /// No engine failed on it, but servers ended in it again and again.
  case engineInterrupted = "ENGINE_INTERRUPTED"
  /// They never came; nothing is there to try again.
  case segmentsMissing = "SEGMENTS_MISSING"
}

/// One piece of what the interviewer says; all pieces of a reply share the id and are committed together.
package struct AgentPiece: Sendable, Equatable {
  package var id: MessageID
  package var text: String
  /// From 0.
  package var index: Int
  package var total: Int
  /// When the chat model's first words were there; of a reply's first piece.
  package var firstPieceTime: Timestamp?

  package init(id: MessageID, text: String, index: Int, total: Int, firstPieceTime: Timestamp? = nil) {
    self.id = id
    self.text = text
    self.index = index
    self.total = total
    self.firstPieceTime = firstPieceTime
  }
}

/// Why a turn gave no reply; the raw value is stored and is the ErrorInfo reason.
package enum TurnFailureReason: String, Sendable, Codable {
  case engineFailed = "ENGINE_FAILED"
  case engineTimedOut = "ENGINE_TIMED_OUT"
  case attemptsExhausted = "ATTEMPTS_EXHAUSTED"
}

/// Where a message came from; the raw value is stored.
package enum MessageSource: String, Sendable, Codable {
  case text, chip, voice, reply, greeting
}

/// A user's day: what is allowed, used and left.
package struct QuotaSnapshot: Sendable, Equatable, Codable {
  package var turnsLimit: Int
  package var turnsUsed: Int
  package var speechLimit_ms: Int64
  package var speechUsed_ms: Int64
  /// The next local midnight.
  package var resetTime: Timestamp

  package init(turnsLimit: Int, turnsUsed: Int, speechLimit_ms: Int64, speechUsed_ms: Int64, resetTime: Timestamp) {
    self.turnsLimit = turnsLimit
    self.turnsUsed = turnsUsed
    self.speechLimit_ms = speechLimit_ms
    self.speechUsed_ms = speechUsed_ms
    self.resetTime = resetTime
  }
}
