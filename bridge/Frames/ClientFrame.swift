/// What a phone sent, read and checked.
enum ClientFrame: Equatable {
  case ping
  case cancelSpeech(turnID: String, heard_ms: Int64?, fromPiece: Int32 = 0)
  case endConversation
  case text(text: String, clientMessageID: String?, chipID: String)
  case recordingStarted(session: String)
  case audioSegment(session: String, segment: Segment)
  case audioMessage(content: [UInt8], duration_s: Int64, echo: String)
  case transcribe(content: [UInt8])
  case retryTurn(turnID: String)
  case retryTranscription(session: String, generation: Int32)
  /// Nothing to do and nothing to say.
  case empty(ClientFrameType)
  /// Of no type that is known here.
  case unknown
  /// Refused: `text` is what the phone shows. A frame's refusal keeps the order of its kind (`type`).
  case refused(ClientFrameType?, text: String, isMalformed: Bool)

  struct Segment: Equatable {
    var index: Int32
    /// nil: it was no base64.
    var content: [UInt8]?
    var duration_ms: Int64
    var isLast: Bool
  }

  /// The metric's label: a name of the table, never what the phone sent.
  var label: String {
    switch self {
    case .ping: ClientFrameType.ping.rawValue
    case .cancelSpeech: ClientFrameType.ttsCancel.rawValue
    case .endConversation: ClientFrameType.endConversation.rawValue
    case .text: ClientFrameType.text.rawValue
    case .recordingStarted: ClientFrameType.recordingStarted.rawValue
    case .audioSegment: ClientFrameType.audioSegment.rawValue
    case .audioMessage: ClientFrameType.audioMessage.rawValue
    case .transcribe: ClientFrameType.transcribeOnly.rawValue
    case .retryTurn, .retryTranscription: ClientFrameType.retry.rawValue
    case .empty(let type): type.rawValue
    case .refused(let type?, _, _): type.rawValue
    case .refused(nil, _, _): "unreadable"
    case .unknown: "unknown"
    }
  }
}
