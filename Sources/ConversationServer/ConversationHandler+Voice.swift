package import ConversationAPI
package import RPC

// Speech is not built yet: every call says so (design §7, StreamAudio and Speech out).

extension ConversationHandler {
  package func streamAudio(
    _ requests: RequestStream<ConversationV1.StreamAudioRequest>,
    to responses: ResponseWriter<ConversationV1.StreamAudioResponse>, context: ServerContext
  ) async throws {
    throw ErrorStatus.unimplemented("StreamAudio")
  }

  package func cancelSpeech(
    _ request: ConversationV1.CancelSpeechRequest, context: ServerContext
  ) async throws -> ConversationV1.CancelSpeechResponse {
    throw ErrorStatus.unimplemented("CancelSpeech")
  }

  package func transcribe(
    _ requests: RequestStream<ConversationV1.TranscribeRequest>, context: ServerContext
  ) async throws -> ConversationV1.TranscribeResponse {
    throw ErrorStatus.unimplemented("Transcribe")
  }

  package func retryTranscription(
    _ request: ConversationV1.RetryTranscriptionRequest, context: ServerContext
  ) async throws -> ConversationV1.RetryTranscriptionResponse {
    throw ErrorStatus.unimplemented("RetryTranscription")
  }

  package func getVoiceSession(
    _ request: ConversationV1.GetVoiceSessionRequest, context: ServerContext
  ) async throws -> ConversationV1.GetVoiceSessionResponse {
    throw ErrorStatus.unimplemented("GetVoiceSession")
  }
}
