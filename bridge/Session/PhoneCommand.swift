import ConversationAPI

/// What a phone asked for and has to wait its turn, in the order it came.
enum PhoneCommand {
  case text(CommandOrder.ID, ConversationV1.SendTextRequest, clientMessageID: String?)
  case audioMessage(CommandOrder.ID, session: String, content: [UInt8], duration_s: Int64)
  case transcribe(CommandOrder.ID, content: [UInt8])
  case end(CommandOrder.ID, request: String)
  case retryTurn(ConversationV1.RetryTurnRequest)
  case retryTranscription(ConversationV1.RetryTranscriptionRequest)
  /// Came after `end_conversation`: means something only when that fails.
  case later(ClientFrame)

  /// Marks the voice sessions that the bridge makes for audio messages: phones are not shown them.
  static let audioMessagePrefix = "audio-message-"

  var audio_bytes: Int {
    switch self {
    case .audioMessage(_, _, let content, _), .transcribe(_, let content): content.count
    default: 0
    }
  }
}
