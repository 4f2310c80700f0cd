package import ConversationAPI
import Conversation
package import RPC

// Speech out (design §7): what a stream that asks for it carries, and its cancelling.

extension ConversationHandler {
  package func cancelSpeech(
    _ request: ConversationV1.CancelSpeechRequest, context: ServerContext
  ) async throws -> ConversationV1.CancelSpeechResponse {
    let (epoch, duplicate) = try await service.cancelSpeech(
      try context.user(), conversation: request.conversationID, turn: request.turnID,
      heard_ms: request.heard.map { AudioPart.milliseconds($0) }, fromPiece: Int(request.heardFromPiece),
      request: request.requestID)
    return ConversationV1.CancelSpeechResponse(cancelEpoch: epoch, duplicate: duplicate)
  }

  /// Says in the response metadata what the stream carries, before its first event.
  func announce(_ speech: Connect.Speech, _ context: ServerContext) throws {
    let format = try service.speechFormat(speech)
    context.responseMetadata.append("x-life-echo-speech", format?.rawValue ?? "unavailable")
  }
}
