import Conversation
import PostgreSQL

extension DurableEvent {
  /// The one decoder of the log: what a command appended and what a replay reads pass through here.
  /// - Parameters:
  ///   - kind: the field number in `ConversationEvent`.
  ///   - turn: "" for none, as `request`.
  init(
    sequence: Int64, kind: Int16, turn: String, request: String, payload: String, time_us: Int64
  ) throws(PostgreSQLError) {
    self.init(
      sequence: sequence, createTime: Timestamp(microseconds: time_us), turn: turn.isEmpty ? nil : TurnID(turn),
      request: request.isEmpty ? nil : RequestID(request), kind: try Kind(number: kind, EventPayload(payload)))
  }
}

extension DurableEvent.Kind {
  fileprivate init(number: Int16, _ payload: EventPayload) throws(PostgreSQLError) {
    switch number {
    case 16:
      self = .userMessage(
        UserMessage(
          id: MessageID(try payload.string("message_id")), text: try payload.string("text"),
          source: try payload.optionalString("source").map(stored) ?? .text,
          chipID: try payload.optionalString("chip_id"),
          clientTime: try payload.optionalInteger("client_time").map(Timestamp.init(microseconds:)),
          voiceSession: try payload.optionalString("voice_session_id").map { VoiceSessionID($0) },
          audioDuration_ms: try payload.optionalInteger("audio_duration_ms"),
          timings: try payload.optionalObject("timings").map(SpeechTimings.init)))
    case 17:
      self = .turnStarted(kind: try stored(payload.string("kind")), attempt: try payload.int("attempt"))
    case 18:
      self = .agentMessage(
        AgentPiece(
          id: MessageID(try payload.string("message_id")), text: try payload.string("text"),
          index: try payload.int("index"), total: try payload.int("total"),
          firstPieceTime: try payload.optionalInteger("first_piece_time").map(Timestamp.init(microseconds:))))
    case 19:
      self = .turnCompleted(
        kind: try stored(payload.string("kind")), quota: try payload.optionalObject("quota").map(QuotaSnapshot.init))
    case 20:
      self = .turnFailed(
        kind: try stored(payload.string("kind")), reason: try stored(payload.string("reason")),
        retryable: try payload.bool("retryable"))
    case 21:
      let indices = try payload.integers("indices").map { Int($0) }
      self = .transcriptionFailed(
        TranscriptionFailure(
          session: VoiceSessionID(try payload.string("voice_session_id")), generation: try payload.int("generation"),
          indices: indices, reason: try stored(payload.string("reason")),
          // Single segments are not recognised again: a message stands for them already. What is stored says only
          // whether the engine was at fault.
          retryable: try payload.bool("retryable") && indices.isEmpty))
    case 22:
      self = .speechFinished(
        SpeechFinish(
          message: MessageID(try payload.string("message_id")), cancelled: try payload.bool("cancelled"),
          heardText: try payload.string("heard_text"), cancelEpoch: try payload.integer("cancel_epoch"),
          through: try payload.integer("through")))
    case 23: self = .conversationEnded
    default:
      throw PostgreSQLError(kind: .decoding, message: "a stored event has the unknown kind \(number)")
    }
  }
}

extension SpeechTimings {
  fileprivate init(_ payload: EventPayload) throws(PostgreSQLError) {
    self.init(
      received: Timestamp(microseconds: try payload.integer("received")),
      durable: Timestamp(microseconds: try payload.integer("durable")),
      recognised: Timestamp(microseconds: try payload.integer("recognised")))
  }
}

extension QuotaSnapshot {
  fileprivate init(_ payload: EventPayload) throws(PostgreSQLError) {
    self.init(
      turnsLimit: try payload.int("turns_limit"), turnsUsed: try payload.int("turns_used"),
      speechLimit_ms: try payload.integer("speech_limit_ms"), speechUsed_ms: try payload.integer("speech_used_ms"),
      resetTime: Timestamp(microseconds: try payload.integer("reset_time")))
  }
}

/// A stored raw value; another one was written by a newer binary.
func stored<Value: RawRepresentable<String>>(_ name: String) throws(PostgreSQLError) -> Value {
  guard let value = Value(rawValue: name) else {
    throw PostgreSQLError(kind: .decoding, message: "a stored \(Value.self) has the unknown value `\(name)`")
  }
  return value
}
