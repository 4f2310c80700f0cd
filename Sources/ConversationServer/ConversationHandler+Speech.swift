package import ConversationAPI
import Conversation
package import RPC

// Speech out (design §7): what a stream that asks for it carries, and its cancelling.

extension ConversationHandler {
  package func cancelSpeech(
    _ request: ConversationV1.CancelSpeechRequest, context: ServerContext
  ) async throws -> ConversationV1.CancelSpeechResponse {
    var heard_ms: Int64?
    if let heard = request.heard {
      guard let known_ms = heard.milliseconds else {
        throw ErrorStatus.fieldInvalid(field: "heard", description: "is not a duration")
      }
      heard_ms = known_ms
    }
    let (epoch, duplicate) = try await service.cancelSpeech(
      try context.user(), conversation: request.conversationID, turn: request.turnID, heard_ms: heard_ms,
      request: request.requestID)
    return ConversationV1.CancelSpeechResponse(cancelEpoch: epoch, duplicate: duplicate)
  }

  /// Says in the response metadata what the stream carries, before its first event.
  func announce(_ speech: Connect.Speech, _ context: ServerContext) throws {
    let format = try service.speechFormat(speech)
    context.responseMetadata.append("x-life-echo-speech", format?.rawValue ?? "unavailable")
  }
}

extension GoogleProtobuf.Duration {
  /// Rounded down; `nil` when seconds and nanoseconds do not fit together.
  fileprivate var milliseconds: Int64? {
    guard (-315_576_000_000...315_576_000_000).contains(seconds), (-999_999_999...999_999_999).contains(nanos),
      seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0)
    else { return nil }
    return seconds * 1_000 + Int64(nanos) / 1_000_000
  }
}
