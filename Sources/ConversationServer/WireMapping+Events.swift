import Conversation
import ConversationAPI
import Interview
import RPC

extension ConversationV1.ConversationEvent {
  /// - Parameter forService: the caller is one of ours, and learns how long the stages took.
  init(_ output: ConversationOutput, forService: Bool = false) {
    self.init(logEpoch: output.epoch, createTime: .init(output.time))
    if forService { timings = .init(output) }
    switch output.event {
    case .durable(let event):
      sequence = event.sequence
      turnID = event.turn?.rawValue ?? ""
      requestID = event.request?.rawValue ?? ""
      self.event = Event(event.kind)
    case .connected(let connected):
      event = .connected(
        .init(
          headSequence: connected.head, recovered: connected.recovered,
          heartbeatInterval: .init(.milliseconds(connected.heartbeatInterval_ms)), quota: .init(connected.quota),
          created: connected.created))
    case .replayCompleted(let head):
      event = .replayCompleted(.init(headSequence: head))
    case .heartbeat(let head):
      event = .heartbeat(.init(headSequence: head))
    case .goAway(let reason, let reconnectDelay_ms):
      event = .goAway(
        .init(
          timeLeft: .init(.zero), reconnectDelay: .init(.milliseconds(reconnectDelay_ms)), reason: reason.rawValue))
    case .suggestions(let suggestions):
      event = .topicSuggestions(.init(suggestions))
    case .listeningFeedback(let session, let text):
      event = .listeningFeedback(.init(voiceSessionID: session.rawValue, text: text))
    case .speechChunk(let chunk):
      event = .speechChunk(
        .init(
          messageID: chunk.message.rawValue, pieceIndex: Int32(clamping: chunk.piece),
          chunkIndex: Int32(clamping: chunk.index), audio: chunk.audio, isLast: chunk.isLast,
          cancelEpoch: chunk.cancelEpoch, sentenceIndex: Int32(clamping: chunk.sentence),
          endsSentence: chunk.endsSentence))
    }
  }
}

extension ConversationV1.EventTimings {
  fileprivate init?(_ output: ConversationOutput) {
    switch output.event {
    case .durable(let event):
      switch event.kind {
      case .userMessage(let message):
        guard let timings = message.timings else { return nil }
        self.init(
          receiveTime: .init(timings.received), durableTime: .init(timings.durable),
          recognizeTime: .init(timings.recognised))
      case .agentMessage(let piece):
        guard let time = piece.firstPieceTime else { return nil }
        self.init(firstPieceTime: .init(time))
      default: return nil
      }
    case .speechChunk(let chunk) where chunk.piece == 0 && chunk.index == 0:
      self.init(firstChunkTime: .init(output.time))
    default: return nil
    }
  }
}

extension ConversationV1.ConversationEvent.Event {
  init(_ kind: DurableEvent.Kind) {
    self =
      switch kind {
      case .userMessage(let message):
        .userMessage(
          .init(
            messageID: message.id.rawValue, text: message.text, source: .init(message.source),
            chipID: message.chipID ?? "", voiceSessionID: message.voiceSession?.rawValue ?? "",
            clientTime: message.clientTime.map { .init($0) },
            audioDuration: message.audioDuration_ms.map { .init(.milliseconds($0)) }))
      case .turnStarted(let kind, let attempt):
        .turnStarted(.init(kind: .init(kind), attempt: Int32(clamping: attempt)))
      case .agentMessage(let piece):
        .agentMessage(.init(piece))
      case .turnCompleted(let kind, let quota):
        .turnCompleted(.init(kind: .init(kind), quota: quota.map { .init($0) }))
      case .turnFailed(let kind, let reason, let retryable):
        .turnFailed(.init(kind: .init(kind), error: .init(reason), retryable: retryable))
      case .transcriptionFailed(let failure):
        .transcriptionFailed(
          .init(
            voiceSessionID: failure.session.rawValue, generation: Int32(clamping: failure.generation),
            indices: failure.indices.map { Int32(clamping: $0) }, error: .init(failure.reason),
            retryable: failure.retryable))
      case .speechFinished(let finish):
        .speechFinished(
          .init(
            messageID: finish.message.rawValue, cancelled: finish.cancelled, heardText: finish.heardText,
            cancelEpoch: finish.cancelEpoch))
      case .conversationEnded:
        .conversationEnded(.init())
      }
  }
}

extension ConversationV1.TopicSuggestions {
  init(_ suggestions: Suggestions) {
    let reason: ConversationV1.SuggestionReason =
      switch suggestions.reason {
      case .opening: .opening
      case .reGreeting: .reGreeting
      case .resume: .resume
      case .turn: .turn
      }
    self.init(
      reason: reason, stage: suggestions.stage,
      suggestions: suggestions.chips.map { .init(chipID: $0.id, text: $0.text) })
  }
}
