import Conversation
package import ConversationAPI
package import RPC

extension ConversationHandler {
  package func streamAudio(
    _ requests: RequestStream<ConversationV1.StreamAudioRequest>,
    to responses: ResponseWriter<ConversationV1.StreamAudioResponse>, context: ServerContext
  ) async throws {
    let caller = try context.caller()
    let user = try context.user()
    guard case .config(let config)? = try await requests.makeAsyncIterator().next()?.request else {
      throw ErrorStatus.fieldInvalid(field: "config", description: "must come first")
    }
    let call = try AudioCall(config, expires: caller.tokenEnd)
    try await voice.stream(user, call, arrived_bytes: { context.arrived_bytes }) {
      guard let message = try await requests.makeAsyncIterator().next() else { return nil }
      guard case .segment(let segment)? = message.request else {
        throw ErrorStatus.fieldInvalid(field: "segment", description: "must follow the config")
      }
      return AudioPart(segment)
    } answer: { answer in
      try await responses.write(ConversationV1.StreamAudioResponse(answer))
    }
  }

  package func transcribe(
    _ requests: RequestStream<ConversationV1.TranscribeRequest>, context: ServerContext
  ) async throws -> ConversationV1.TranscribeResponse {
    let user = try context.user()
    guard case .config(let config)? = try await requests.makeAsyncIterator().next()?.request else {
      throw ErrorStatus.fieldInvalid(field: "config", description: "must come first")
    }
    let text = try await voice.transcribe(
      user, format: try AudioContainer(config.format, field: "config.format"),
      duration_ms: AudioPart.milliseconds(config.duration), arrived_bytes: { context.arrived_bytes }
    ) {
      guard let message = try await requests.makeAsyncIterator().next() else { return nil }
      guard case .content(let part)? = message.request else {
        throw ErrorStatus.fieldInvalid(field: "content", description: "must follow the config")
      }
      return part
    }
    return ConversationV1.TranscribeResponse(text: text)
  }

  package func retryTranscription(
    _ request: ConversationV1.RetryTranscriptionRequest, context: ServerContext
  ) async throws -> ConversationV1.RetryTranscriptionResponse {
    let state = try await voice.retry(
      try context.user(), conversation: request.conversationID, session: request.voiceSessionID,
      generation: Int(request.generation), request: request.requestID)
    return ConversationV1.RetryTranscriptionResponse(state: .init(state))
  }

  package func getVoiceSession(
    _ request: ConversationV1.GetVoiceSessionRequest, context: ServerContext
  ) async throws -> ConversationV1.GetVoiceSessionResponse {
    let record = try await voice.session(
      try context.user(), conversation: request.conversationID, session: request.voiceSessionID)
    return ConversationV1.GetVoiceSessionResponse(voiceSession: .init(record))
  }
}
