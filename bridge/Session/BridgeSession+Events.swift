import ConversationAPI
import JSON
import RPC
import TimeText

/// Events of the conversation become frames.
extension BridgeSession {
  func receive(_ event: ConversationV1.ConversationEvent) {
    guard phase == .open || phase == .connecting, let content = event.event else { return }
    if event.sequence > 0 {
      guard event.sequence > events.position else { return }
      events.position = event.sequence
      events.epoch = event.logEpoch
      if events.isReplaying { events.hasNews = true }
      if events.redelivery != nil {
        events.redelivery?.add(event)
        return
      }
    }
    switch content {
    case .connected(let connected): receive(connected, epoch: event.logEpoch)
    case .replayCompleted(let replay): replayCompleted(head: replay.headSequence)
    case .userMessage(let message): userMessage(message, event)
    case .turnStarted(let turn): turnStarted(turn, event)
    case .agentMessage(let piece): agentMessage(piece, event)
    case .turnCompleted(let turn): turnCompleted(turn, event)
    case .turnFailed(let failure): turnFailed(failure, event)
    case .transcriptionFailed(let failure): transcriptionFailed(failure, event)
    case .conversationEnded: conversationEnded(event)
    case .listeningFeedback(let feedback):
      send(
        writer.frame(.listeningFeedback) {
          $0.member("text", feedback.text)
          $0.member("voice_session_id", feedback.voiceSessionID)
        })
    case .topicSuggestions(let topics): suggestions(topics)
    case .speechChunk(let chunk): speech(chunk)
    case .quotaUpdated(let update): if let quota = update.quota { sendQuota(quota) }
    case .heartbeat(let heartbeat): check(head: heartbeat.headSequence)
    case .goAway(let goAway): events.isTooSlow = goAway.reason == "SLOW_CONSUMER"
    case .speechFinished, .concernRaised: break
    }
  }

  private func origin(_ event: ConversationV1.ConversationEvent) -> FrameWriter.Origin {
    FrameWriter.Origin(
      sequence: event.sequence, epoch: event.logEpoch,
      time: event.createTime?.unixMicroseconds.map { UTCTime(unixMicroseconds: $0) })
  }

  private func put(
    _ type: ServerFrameType, _ event: ConversationV1.ConversationEvent, of command: CommandOrder.ID? = nil,
    _ data: (inout JSONWriter) -> Void
  ) {
    put(OutgoingFrame(bytes: writer.frame(type, origin(event), data), sequence: event.sequence), of: command)
  }

  // MARK: The stream

  private func receive(_ connected: ConversationV1.Connected, epoch: String) {
    events.reconnection.answered()
    storeConfirmation()
    events.isTooSlow = false
    if phase == .connecting {
      if !connected.recovered {
        events.position = connected.headSequence
        events.redelivery = nil
      }
      becomeOpen(connected)
    } else if !connected.recovered {
      // The log was made anew while the service was away: the phone must begin again.
      sendAway()
    }
    events.epoch = epoch
  }

  func sendConnect(_ connected: ConversationV1.Connected) {
    send(
      writer.frame(.connect) { data in
        data.member("status", "connected")
        guard isVersion2 else { return }
        data.member("protocol", 2)
        data.member("head", connected.headSequence)
        data.member("recovered", connected.recovered)
        data.member("created", connected.created)
        data.member("expires_at", UTCTime(unixMicroseconds: request.tokenExpiry).frameText)
        if let quota = connected.quota { data.object("quota") { $0.quota(quota) } }
      })
  }

  private func replayCompleted(head: Int64) {
    guard events.isReplaying else { return }
    let missed = events.redelivery?.events() ?? []
    events.redelivery = nil
    events.isReplaying = false
    events.hasReplayed = true
    events.position = max(events.position, head)
    for event in missed {
      if case .agentMessage(let piece) = event.event { agentMessage(piece, event) }
    }
    if isVersion2 {
      put(OutgoingFrame(bytes: writer.frame(.replayCompleted) { $0.member("head", head) }))
    }
    // What was left out needs no confirmation by its own frame.
    if events.hasNews, missed.isEmpty { askForConfirmation(head) }
  }

  /// A stream that stays behind the service's heartbeats twice has lost something: it is made again.
  private func check(head: Int64) {
    guard head > events.position else { return }
    events.isStale = events.suspected == events.position
    events.suspected = events.position
  }

  // MARK: What was said

  private func userMessage(_ message: ConversationV1.UserMessage, _ event: ConversationV1.ConversationEvent) {
    if !events.isReplaying { events.isWelcomed = true }
    if message.source == .voice || !message.voiceSessionID.isEmpty {
      transcript(message, event)
    } else if let command = order.id(request: event.requestID) {
      order.set(turn: event.turnID, of: command)
    } else if isVersion2 {
      put(.message, event) { data in
        data.member("message_id", message.messageID)
        data.member("text", message.text)
        data.member("source", message.source == .chip ? "chip" : "text")
        data.member("request_id", event.requestID)
        data.member("turn_id", event.turnID)
      }
    }
  }

  private func transcript(_ message: ConversationV1.UserMessage, _ event: ConversationV1.ConversationEvent) {
    let own = order.id(session: message.voiceSessionID)
    if let own { order.set(turn: event.turnID, of: own.id) }
    heard(message.voiceSessionID)
    // Its turn begins with it, though TurnStarted is the next event.
    if !events.isReplaying, !event.turnID.isEmpty { events.isTurnRunning = true }
    let duration = (message.audioDuration?.duration ?? .zero).secondsText
    put(.transcript, event, of: own?.id) { data in
      data.member("text", message.text)
      data.member("audio_duration", json: own?.echo ?? duration)
      transcriptOrigin(message.voiceSessionID, &data)
      guard isVersion2 else { return }
      data.member("message_id", message.messageID)
      data.member("turn_id", event.turnID)
    }
    guard let own else { return }
    recognised(own.id)
    if event.turnID.isEmpty { finish(own.id) }
  }

  /// Audio messages have no voice session that the phone knows.
  private func transcriptOrigin(_ session: String, _ data: inout JSONWriter) {
    if !session.hasPrefix(PhoneCommand.audioMessagePrefix) { data.member("voice_session_id", session) }
  }

  private func transcriptionFailed(
    _ failure: ConversationV1.TranscriptionFailed, _ event: ConversationV1.ConversationEvent
  ) {
    // Single segments that failed leave a mark in the transcript that follows.
    guard failure.indices.isEmpty else { return }
    heard(failure.voiceSessionID)
    let own = order.id(session: failure.voiceSessionID)
    let reason = ServiceError(Status(failure.error)).code
    let isSilent = own == nil || reason == "NO_SPEECH"
    if isSilent {
      put(.transcript, event, of: own?.id) { data in
        data.member("text", "")
        data.member("audio_duration", json: own?.echo ?? "0")
        transcriptOrigin(failure.voiceSessionID, &data)
      }
    }
    let error = writer.error(
      isSilent ? Text.notRecognised : Text.audioFailed, code: ErrorCode.transcriptionFailed, at: origin(event)
    ) { data in
      data.member("voice_session_id", failure.voiceSessionID)
      data.member("generation", failure.generation)
      data.member("reason", reason)
      data.member("retryable", failure.retryable)
    }
    put(OutgoingFrame(bytes: error, sequence: event.sequence), of: own?.id)
    guard let own else { return }
    recognised(own.id)
    finish(own.id)
  }

  // MARK: Turns

  private func turnStarted(_ turn: ConversationV1.TurnStarted, _ event: ConversationV1.ConversationEvent) {
    events.isTurnRunning = true
    guard isVersion2 else { return }
    put(.turn, event, of: order.id(turn: event.turnID)) { data in
      data.member("turn_id", event.turnID)
      data.member("kind", turn.kind.frameName)
      data.member("state", "started")
      data.member("attempt", turn.attempt)
    }
  }

  private func agentMessage(_ piece: ConversationV1.AgentMessage, _ event: ConversationV1.ConversationEvent) {
    let isLast = piece.index + 1 >= piece.total
    let isReplay = events.isReplaying
    let bytes = writer.frame(.agentResponse, origin(event), capacity: piece.text.utf8.count + 128) { data in
      data.member("text", piece.text)
      data.member("index", piece.index)
      data.member("total", piece.total)
      data.member("assistant_message_id", piece.messageID)
      if isVersion2 { data.member("turn_id", event.turnID) }
    }
    put(
      OutgoingFrame(
        bytes: bytes, sequence: event.sequence, isFollowedByPause: !isLast && !isReplay,
        isConfirmed: isLast && !isReplay), of: order.id(turn: event.turnID))
  }

  private func turnCompleted(_ turn: ConversationV1.TurnCompleted, _ event: ConversationV1.ConversationEvent) {
    events.turnEnded(event.turnID)
    if isVersion2 {
      put(.turn, event) { data in
        data.member("turn_id", event.turnID)
        data.member("kind", turn.kind.frameName)
        data.member("state", "completed")
      }
      if let quota = turn.quota { sendQuota(quota) }
    }
    if let command = order.id(turn: event.turnID) { finish(command) }
  }

  private func turnFailed(_ failure: ConversationV1.TurnFailed, _ event: ConversationV1.ConversationEvent) {
    events.turnEnded(event.turnID)
    let command = order.id(turn: event.turnID)
    if isVersion2 {
      put(.turn, event, of: command) { data in
        data.member("turn_id", event.turnID)
        data.member("kind", failure.kind.frameName)
        data.member("state", "failed")
        data.member("retryable", failure.retryable)
      }
    }
    // A greeting that cannot be made is none.
    if failure.kind == .reply, !events.isReplaying {
      let error = writer.error(Text.failed, code: ErrorCode.turnFailed, at: origin(event)) { data in
        data.member("turn_id", event.turnID)
        data.member("retryable", failure.retryable)
      }
      put(OutgoingFrame(bytes: error, sequence: event.sequence), of: command)
    }
    if let command { finish(command) }
  }

  private func conversationEnded(_ event: ConversationV1.ConversationEvent) {
    if let endRequest, endRequest == event.requestID { return }
    put(.endConversation, event) { $0.member("status", "ended") }
  }

  private func suggestions(_ topics: ConversationV1.TopicSuggestions) {
    switch topics.reason {
    case .turn: guard isVersion2 else { return }
    case .resume where events.isWelcomed: return
    default: events.isWelcomed = true
    }
    put(
      OutgoingFrame(
        bytes: writer.frame(.topicSuggestions) { data in
          data.member("reason", topics.reason.frameName)
          data.member("stage", topics.stage)
          data.array("suggestions", topics.suggestions) { writer, suggestion in
            writer.object {
              $0.member("id", suggestion.chipID)
              $0.member("text", suggestion.text)
            }
          }
        }))
  }

  private func speech(_ chunk: ConversationV1.SpeechChunk) {
    guard request.speechFormat != nil, chunk.cancelEpoch >= cancelEpoch else { return }
    send(
      writer.frame(.ttsAudio, capacity: chunk.audio.count / 3 * 4 + 160) { data in
        data.member("assistant_message_id", chunk.messageID)
        data.member("index", chunk.pieceIndex)
        data.member("chunk", chunk.chunkIndex)
        data.base64("audio_base64", chunk.audio)
        data.member("is_last", chunk.isLast)
      })
  }

  func sendQuota(_ quota: ConversationV1.QuotaStatus) {
    guard isVersion2 else { return }
    put(OutgoingFrame(bytes: writer.frame(.quota) { $0.quota(quota) }))
  }
}

extension ConversationV1.TurnKind {
  fileprivate var frameName: String {
    switch self {
    case .opening: "opening"
    case .profileGreeting: "profile_greeting"
    case .reGreeting: "re_greeting"
    default: "reply"
    }
  }
}

extension ConversationV1.SuggestionReason {
  fileprivate var frameName: String {
    switch self {
    case .opening: "opening"
    case .reGreeting: "re_greeting"
    case .resume: "resume"
    default: "turn"
    }
  }
}
