import Conversation
import ConversationAPI
import RPC

// Speech, between the domain's values and the contract's messages.

extension AudioCall {
  init(_ config: ConversationV1.AudioConfig, expires: Domain.Timestamp) throws(Status) {
    let kind: AudioKind
    switch config.kind {
    case .unspecified, .segmented: kind = .segmented
    case .wholeMessage: kind = .wholeMessage
    default: throw ErrorStatus.fieldInvalid(field: "config.kind", description: "is unknown")
    }
    self.init(
      conversation: config.conversationID, session: config.voiceSessionID, kind: kind,
      format: try AudioContainer(config.format, field: "config.format"), recordingStarted: config.recordingStarted,
      expires: expires)
  }
}

extension AudioContainer {
  /// `nil`: not said.
  init?(_ format: ConversationV1.AudioFormat, field: String) throws(Status) {
    switch format {
    case .unspecified: return nil
    case .m4a: self = .m4a
    case .aac: self = .aac
    case .mp3: self = .mp3
    case .ogg: self = .ogg
    case .webm: self = .webm
    case .wav: self = .wav
    case ._3gp: self = .threeGP
    default: throw ErrorStatus.fieldInvalid(field: field, description: "is unknown")
    }
  }
}

extension AudioPart {
  /// A time that is no time is left out: it is informative.
  init(_ segment: ConversationV1.AudioSegment) {
    self.init(
      index: Int(segment.index), content: segment.content, duration_ms: Self.milliseconds(segment.duration),
      isLast: segment.isLast,
      recordTime: segment.recordTime?.unixMicroseconds.map(Domain.Timestamp.init(microseconds:)),
      part: Int(segment.part), hasMoreParts: segment.moreParts)
  }
}

extension AudioPart {
  /// −1, which is refused, for what is no duration.
  static func milliseconds(_ duration: GoogleProtobuf.Duration?) -> Int64 {
    guard let duration else { return 0 }
    guard let (seconds, attoseconds) = duration.duration?.components, seconds >= 0, attoseconds >= 0 else { return -1 }
    return seconds * 1_000 + attoseconds / 1_000_000_000_000_000
  }
}

extension ConversationV1.StreamAudioResponse {
  init(_ answer: AudioAnswer) {
    self.init(
      durableThrough: Int32(clamping: answer.durable.through), duplicate: answer.isDuplicate,
      state: answer.state.map { .init($0) } ?? .unspecified, quota: answer.quota.map { .init($0) })
    if !answer.durable.later.isEmpty {
      durable = answer.durable.beyond().map { Int32(clamping: $0) }
      missing = answer.durable.missing().map { Int32(clamping: $0) }
    }
    if let refusal = answer.refusal {
      rejected = [.init(index: Int32(clamping: refusal.index), status: .init(refusal.reason))]
    }
  }
}

extension ConversationV1.VoiceSessionState {
  init(_ state: Domain.VoiceSessionState) {
    self =
      switch state {
      case .recording: .recording
      case .transcribing: .transcribing
      case .completed: .completed
      case .failed: .failed
      case .abandoned: .abandoned
      }
  }
}

extension ConversationV1.VoiceSession {
  init(_ record: VoiceSessionRecord) {
    self.init(
      voiceSessionID: record.id.rawValue, generation: Int32(clamping: record.generation), state: .init(record.state),
      durableThrough: Int32(clamping: record.durable.through),
      durable: record.durable.beyond().map { Int32(clamping: $0) },
      missing: record.durable.missing().map { Int32(clamping: $0) }, messageID: record.message?.rawValue ?? "",
      duration: .init(.milliseconds(record.duration_ms)))
  }
}

extension GoogleRPC.Status {
  /// Why a segment was refused.
  init(_ refusal: SegmentRefusal) {
    let code: StatusCode
    let (reason, message): (String, String)
    var violation: GoogleRPC.BadRequest?
    switch refusal {
    case .fieldInvalid(let field, let description):
      (code, reason, message) = (.invalidArgument, "FIELD_INVALID", "\(field) \(description)")
      violation = .init(fieldViolations: [.init(field: field, description: description)])
    case .tooLarge(let limit_bytes):
      (code, reason, message) = (.resourceExhausted, "SEGMENT_TOO_LARGE", "has more than \(limit_bytes) bytes")
    case .conflict:
      (code, reason, message) = (.alreadyExists, "SEGMENT_CONFLICT", "other bytes are durable under this index")
    case .sessionFull:
      (code, reason, message) = (.resourceExhausted, "VOICE_SESSION_FULL", "the session has all the speech it may have")
    case .sessionFinished:
      (code, reason, message) = (.failedPrecondition, "VOICE_SESSION_FINISHED", "the session has ended")
    case .overloaded:
      (code, reason, message) = (.unavailable, "OVERLOADED", "too much audio at once; send it again")
    }
    var details = [
      GoogleProtobuf.AnyMessage(GoogleRPC.ErrorInfo(reason: reason, domain: ErrorStatus.domain))
    ]
    if let violation { details.append(.init(violation)) }
    self.init(code: Int32(code.rawValue), message: message, details: details)
  }
}
