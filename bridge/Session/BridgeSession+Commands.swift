import ConversationAPI
import DequeModule
import JSON
import Logging
import NIOCore
import RPC
import WebSocket

/// What phones ask for, one after the other where the order matters (LEGACY §4).
extension BridgeSession {
  /// Reads nothing more from the socket: that has happened. Returns at once.
  func handle(_ frame: ClientFrame) {
    switch frame {
    case .ping: send(writer.frame(.pong))
    case .cancelSpeech(let turn, let heard_ms, let fromPiece):
      cancelSpeech(turn: turn, heard_ms: heard_ms, fromPiece: fromPiece)
    case .empty, .unknown: break
    case _ where endRequest != nil: enqueue(.later(frame))
    default: dispatch(frame)
    }
  }

  private func dispatch(_ frame: ClientFrame) {
    switch frame {
    case .text(let text, let message, let chip):
      let request = message.map { CommandID.of(clientMessage: $0, in: conversation) } ?? CommandID.next()
      enqueue(
        .text(
          order.begin(request: request),
          .init(conversationID: conversation, text: text, requestID: request, chipID: chip), clientMessageID: message))
    case .audioMessage(let content, let duration_s, let echo):
      let session = PhoneCommand.audioMessagePrefix + CommandID.next()
      enqueue(
        .audioMessage(
          order.begin(session: session, echo: echo), session: session, content: content, duration_s: duration_s))
    case .transcribe(let content): enqueue(.transcribe(order.begin(), content: content))
    case .endConversation:
      let request = CommandID.next()
      endRequest = request
      enqueue(.end(order.begin(request: request), request: request))
    case .recordingStarted(let session): recordingStarted(session)
    case .audioSegment(let session, let segment): audioSegment(session, segment)
    case .retryTurn(let turn):
      enqueue(.retryTurn(.init(conversationID: conversation, turnID: turn, requestID: CommandID.next())))
    case .retryTranscription(let session, let generation):
      enqueue(
        .retryTranscription(
          .init(
            conversationID: conversation, voiceSessionID: session, generation: generation,
            requestID: CommandID.next())))
    case .refused(let type, let text, let isMalformed): refused(type, text, isMalformed: isMalformed)
    case .ping, .cancelSpeech, .empty, .unknown: break
    }
  }

  private func refused(_ type: ClientFrameType?, _ text: String, isMalformed: Bool) {
    let error = writer.error(text, code: ErrorCode.frameInvalid)
    switch type {
    case .text, .audioMessage, .transcribeOnly:
      let command = order.begin()
      put(OutgoingFrame(bytes: error), of: command)
      finish(command)
    default: send(error)
    }
  }

  private func enqueue(_ command: PhoneCommand) {
    commands.append(command)
    audioWaits(command.audio_bytes)
    watchOrder()
    guard !isRunning else { return }
    isRunning = true
    let task = launch { await self.runCommands() }
    runner = isRunning ? task : nil
  }

  private func runCommands() async {
    while let command = commands.popFirst(), !Task.isCancelled {
      audioTaken(command.audio_bytes)
      await run(command)
      commandTaken()
    }
    isRunning = false
    runner = nil
  }

  private func run(_ command: PhoneCommand) async {
    switch command {
    case .text(let id, let request, let message): await sendText(id, request, clientMessageID: message)
    case .audioMessage(let id, let session, let content, let duration_s):
      await sendAudioMessage(id, session, content, duration_s: duration_s)
    case .transcribe(let id, let content): await transcribe(id, content)
    case .end(let id, let request): await endConversation(id, request)
    case .retryTurn(let request):
      await retry("turn_id", request.turnID) { _ = try await $0.retryTurn(request, options: $1) }
    case .retryTranscription(let request):
      await retry("voice_session_id", request.voiceSessionID) {
        _ = try await $0.retryTranscription(request, options: $1)
      }
    case .later(let frame): if phase == .open { handle(frame) }
    }
  }

  // MARK: Calls

  /// Makes a call that may be made twice: after a fresh token, and once more when the service was away for a moment.
  func call<Response: Sendable>(
    _ body: (ConversationV1.ConversationServiceClient, CallOptions) async throws -> Response
  ) async -> Result<Response, any Error> {
    var pause_ms: Int64 = 100
    while true {
      do {
        return .success(try await body(service.client, callOptions(timeout_s: Limits.command_s)))
      } catch {
        let failure = ServiceError(error)
        guard failure.kind == .credentials || failure.code == ErrorCode.unavailable, pause_ms < 1000 else {
          return .failure(error)
        }
        if failure.kind == .credentials { await renewCredentials() }
        try? await Task.sleep(for: .milliseconds(pause_ms))
        pause_ms *= 4
      }
    }
  }

  /// What a refusal means for the socket; its text and code.
  private func tell(
    _ error: any Error, _ id: CommandOrder.ID?, text: String? = nil, _ more: (inout JSONWriter) -> Void = { _ in }
  ) {
    let failure = ServiceError(error)
    switch failure.kind {
    case .refused(let text):
      if !isOver { refuse(text, code: failure.code) }
    case .command(let quota) where failure.isQuota:
      put(OutgoingFrame(bytes: writer.error(quota, code: failure.code, more)), of: id)
    case .command, .away, .credentials:
      put(OutgoingFrame(bytes: writer.error(text ?? Text.failed, code: failure.code, more)), of: id)
    }
    if let id { finish(id) }
  }

  private func sendText(
    _ id: CommandOrder.ID, _ request: ConversationV1.SendTextRequest, clientMessageID: String?
  ) async {
    switch await call({ try await $0.sendText(request, options: $1) }) {
    case .success(let response):
      if let clientMessageID {
        let origin = FrameWriter.Origin(sequence: response.sequence, epoch: events.epoch)
        send(
          writer.frame(.ack, origin) { data in
            data.member("client_msg_id", clientMessageID)
            data.member("message_id", response.messageID)
            data.member("turn_id", response.turnID)
            data.member("duplicate", response.duplicate)
          })
      }
      // The turn of what was sent before may be over, and the stream may have shown its end already.
      if response.duplicate,
        response.turnState == .completed || response.turnState == .failed || response.turnID == events.lastTurn
      {
        finish(id)
      } else {
        order.set(turn: response.turnID, of: id)
      }
    case .failure(let error):
      tell(error, id) { if let clientMessageID { $0.member("client_msg_id", clientMessageID) } }
    }
  }

  private func transcribe(_ id: CommandOrder.ID, _ content: [UInt8]) async {
    do {
      let options = callOptions(timeout_s: Limits.transcription_s)
      let response = try await service.client.transcribe(options: options) { call in
        try await call.write(.init(request: .config(.init(format: .m4a))))
        for start in stride(from: 0, to: content.count, by: RecordingUpload.part_bytes) {
          let part = content[start..<min(start + RecordingUpload.part_bytes, content.count)]
          try await call.write(.init(request: .content(Array(part))))
        }
      }
      put(OutgoingFrame(bytes: writer.frame(.transcript) { $0.member("text", response.text) }), of: id)
      finish(id)
    } catch {
      tell(error, id, text: Text.transcriptionFailed)
    }
  }

  /// A refusal names what was to be tried again: `member`, `id`.
  private func retry(
    _ member: StaticString, _ id: String,
    _ body: (ConversationV1.ConversationServiceClient, CallOptions) async throws -> Void
  ) async {
    if case .failure(let error) = await call(body) {
      tell(error, nil) { $0.member(member, id) }
    }
  }

  // MARK: The end

  private func endConversation(_ id: CommandOrder.ID, _ request: String) async {
    await waitForReplies(before: id)
    switch await call({
      try await $0.endConversation(.init(conversationID: conversation, requestID: request), options: $1)
    }) {
    case .success(let response):
      let origin = FrameWriter.Origin(sequence: response.sequence, epoch: events.epoch)
      let frame = writer.frame(.endConversation, origin) { $0.member("status", "ended") }
      put(OutgoingFrame(bytes: frame, sequence: response.sequence), of: id)
      finish(id)
      closeAfterOutput(.normal)
    case .failure(let error):
      endRequest = nil
      tell(error, id)
    }
  }

  /// Until all commands before `id` have their frames and recordings are stored, at most `Limits.endWait_s`.
  private func waitForReplies(before id: CommandOrder.ID) async {
    let patience = loop.scheduleTask(in: .seconds(Limits.endWait_s)) {
      for voice in self.voices { voice.stopWaiting() }
      while let first = self.order.first, first != id { self.finish(first) }
    }
    for voice in voices { await voice.confirmed() }
    while !isOver, let first = order.first, first != id {
      await withCheckedContinuation { wakeEnd = $0 }
    }
    patience.cancel()
  }

  /// A command is finished, or the socket is closed.
  func wakeRunner() {
    wakeEnd?.resume()
    wakeEnd = nil
    guard let waiter = wakeRecognition, isOver || !order.contains(waiter.command) else { return }
    recognised(waiter.command)
  }

  // MARK: Speech out

  /// One call at a time; of those that come meanwhile, the last one follows.
  private func cancelSpeech(turn: String, heard_ms: Int64?, fromPiece: Int32) {
    pendingCancel = .init(
      conversationID: conversation, turnID: turn, heard: heard_ms.map { .init(.milliseconds($0)) },
      requestID: CommandID.next(), heardFromPiece: fromPiece)
    guard !isCancelling else { return }
    isCancelling = true
    _ = launch {
      while let request = self.pendingCancel {
        self.pendingCancel = nil
        await self.cancelSpeech(request)
      }
      self.isCancelling = false
    }
  }

  private func cancelSpeech(_ request: ConversationV1.CancelSpeechRequest) async {
    switch await call({ try await $0.cancelSpeech(request, options: $1) }) {
    case .success(let response):
      cancelEpoch = max(cancelEpoch, response.cancelEpoch)
      guard isVersion2 else { return }
      send(writer.frame(.ttsCancelled) { $0.member("cancel_epoch", response.cancelEpoch) })
    case .failure(let error):
      let failure = ServiceError(error)
      observer.logger.debug("speech was not cancelled", metadata: ["reason": "\(failure.code)"])
      if isVersion2 { send(writer.error(Text.failed, code: failure.code)) }
    }
  }
}
