import Conversation
import ConversationAPI
import Interview
import Protobuf
import RPC

// The domain's values as messages of the contract. Enums meet here and nowhere else.

extension GoogleProtobuf.Timestamp {
  init(_ time: Domain.Timestamp) { self.init(unixMicroseconds: time.microseconds) }
}

extension Domain.Timestamp {
  /// A time from a client; `nil` for an absent one.
  init?(_ time: GoogleProtobuf.Timestamp?, field: String) throws(Status) {
    guard let time else { return nil }
    guard let microseconds = time.unixMicroseconds else {
      throw ErrorStatus.fieldInvalid(field: field, description: "is not a time between the years 1 and 9999")
    }
    self.init(microseconds: microseconds)
  }
}

extension ConversationV1.QuotaStatus {
  init(_ quota: QuotaSnapshot) {
    let isWarning =
      quota.turnsUsed * 5 >= quota.turnsLimit * 4 || quota.speechUsed_ms * 5 >= quota.speechLimit_ms * 4
    self.init(
      turnsLimit: Int32(clamping: quota.turnsLimit), turnsUsed: Int32(clamping: quota.turnsUsed),
      turnsRemaining: Int32(clamping: max(0, quota.turnsLimit - quota.turnsUsed)),
      speechLimit: .init(.milliseconds(quota.speechLimit_ms)), speechUsed: .init(.milliseconds(quota.speechUsed_ms)),
      speechRemaining: .init(.milliseconds(max(0, quota.speechLimit_ms - quota.speechUsed_ms))),
      resetTime: .init(quota.resetTime), warning: isWarning)
  }
}

extension ConversationV1.TurnState {
  init(_ state: Domain.TurnState) {
    self =
      switch state {
      case .queued: .queued
      case .running: .running
      case .completed: .completed
      case .failed: .failed
      }
  }
}

extension ConversationV1.TurnKind {
  init(_ kind: Domain.TurnKind) {
    self =
      switch kind {
      case .reply: .reply
      case .opening: .opening
      case .profileGreeting: .profileGreeting
      case .reGreeting: .reGreeting
      }
  }
}

extension ConversationV1.MessageSource {
  init(_ source: Domain.MessageSource) {
    self =
      switch source {
      case .text: .text
      case .chip: .chip
      case .voice: .voice
      case .reply: .reply
      case .greeting: .greeting
      }
  }
}

extension ConversationV1.AgentMessage {
  init(_ piece: AgentPiece) {
    self.init(
      messageID: piece.id.rawValue, text: piece.text, index: Int32(piece.index), total: Int32(piece.total))
  }
}

extension GoogleRPC.Status {
  /// Why a turn failed, as TurnFailed and SendText tell it.
  init(_ reason: TurnFailureReason) {
    self.init(.unavailable, "the interviewer could not answer", reason: reason.rawValue, text: "处理失败,请重试")
  }

  init(_ reason: TranscriptionFailureReason) {
    let (code, message): (StatusCode, String) =
      switch reason {
      case .noSpeech: (.invalidArgument, "no speech was recognised")
      case .engineFailed: (.unavailable, "the recogniser failed; the audio is kept")
      case .engineMissing: (.failedPrecondition, "no recogniser is configured; the audio is kept")
      case .engineInterrupted: (.aborted, "servers ended again and again while it was recognised; the audio is kept")
      case .segmentsMissing: (.dataLoss, "these segments never came")
      }
    self.init(code, message, reason: reason.rawValue, text: "语音转写失败,请重试或使用文字输入")
  }

  private init(_ code: StatusCode, _ message: String, reason: String, text: String) {
    let text = GoogleRPC.LocalizedMessage(locale: "zh-CN", message: text)
    let info = GoogleRPC.ErrorInfo(reason: reason, domain: ErrorStatus.domain)
    self.init(
      code: Int32(code.rawValue), message: message,
      details: [GoogleProtobuf.AnyMessage(info), GoogleProtobuf.AnyMessage(text)])
  }
}

extension GoogleProtobuf.AnyMessage {
  init(_ message: some WireMessage) {
    let detail = StatusDetails.AnyDetail(message)
    self.init(typeURL: detail.typeURL, value: detail.value)
  }
}

extension ConversationV1.Message {
  init(_ message: MessageRecord) {
    self.init(
      messageID: message.id.rawValue, sequence: message.sequence, role: message.role == .user ? .user : .agent,
      source: .init(message.source), text: message.pieces.joined(separator: "\n"),
      turnID: message.turn?.rawValue ?? "", createTime: .init(message.createTime), chipID: message.chipID ?? "",
      voiceSessionID: message.voiceSession?.rawValue ?? "", heardText: message.heardText ?? "",
      interrupted: message.heardText.map { $0 != message.pieces.joined(separator: "\n") } ?? false)
  }
}

extension ConversationV1.Conversation {
  init(_ record: ConversationRecord) {
    self.init(
      conversationID: record.id.rawValue, status: record.status == .active ? .active : .ended, stage: record.stage,
      headSequence: record.headSequence, logEpoch: record.logEpoch, createTime: .init(record.createTime),
      lastMessageTime: record.lastMessageTime.map { .init($0) }, endTime: record.endTime.map { .init($0) },
      messageCount: record.messageCount)
  }
}
