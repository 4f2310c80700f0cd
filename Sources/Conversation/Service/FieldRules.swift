import Foundation
import Interview

/// Checks of what callers send; each failure names the field as in the proto (design §5, Errors).
enum FieldRules {
  static func conversationID(
    _ text: String, field: String = "conversation_id"
  ) throws(ConversationError) -> ConversationID {
    ConversationID(try identifier(text, field: field, characters: Limits.conversationIDCharacters))
  }

  static func userID(_ text: String, field: String) throws(ConversationError) -> UserID {
    let id = try identifier(text, field: field, characters: Limits.userIDBytes)
    guard id.utf8.count <= Limits.userIDBytes else {
      throw .fieldInvalid(field: field, description: "must have at most \(Limits.userIDBytes) bytes")
    }
    return UserID(id)
  }

  static func turnID(_ text: String, field: String = "turn_id") throws(ConversationError) -> TurnID {
    TurnID(try identifier(text, field: field, characters: Limits.conversationIDCharacters))
  }

  static func voiceSessionID(_ text: String, field: String) throws(ConversationError) -> VoiceSessionID {
    VoiceSessionID(try identifier(text, field: field, characters: Limits.voiceSessionIDCharacters))
  }

  static func deviceID(_ text: String, required: Bool) throws(ConversationError) -> String {
    if text.isEmpty, !required { return text }
    return try identifier(text, field: "device_id", characters: Limits.deviceIDCharacters)
  }

  /// "": `nil`; otherwise a UUID, in canonical lower case.
  static func requestID(_ text: String) throws(ConversationError) -> RequestID? {
    if text.isEmpty { return nil }
    guard let uuid = UUID(uuidString: text) else {
      throw .fieldInvalid(field: "request_id", description: "must be a UUID or empty")
    }
    return RequestID(uuid.uuidString.lowercased())
  }

  static func message(_ text: String) throws(ConversationError) {
    do {
      try MessageText.validate(text)
    } catch {
      switch error {
      case .blank: throw .fieldInvalid(field: "text", description: "must have a character that is not white space")
      case .tooLarge:
        throw .fieldInvalid(
          field: "text", description: "has more than \(Interview.Limits.message_bytes) bytes with its white space")
      case .tooLong(let scalars):
        throw .fieldInvalid(
          field: "text", description: "has \(scalars) characters; at most \(Interview.Limits.messageScalars) are taken")
      }
    }
  }

  static func chipID(_ text: String) throws(ConversationError) -> String? {
    if text.isEmpty { return nil }
    guard Catalogue.slot(chipID: text) != nil else {
      throw .fieldInvalid(field: "chip_id", description: "is not the id of a suggestion")
    }
    return text
  }

  static func speechFormat(_ name: String) throws(ConversationError) -> SpeechFormat {
    if name.isEmpty { return .mp3 }
    guard let format = SpeechFormat(rawValue: name) else {
      throw .fieldInvalid(field: "speech.format", description: "must be `mp3` or `wav`")
    }
    return format
  }

  /// A position in a spoken reply.
  static func heard(_ heard_ms: Int64?) throws(ConversationError) -> Int64? {
    guard let heard_ms else { return nil }
    guard (0...Limits.heardMaximum_ms).contains(heard_ms) else {
      throw .fieldInvalid(field: "heard", description: "must be between 0 and one hour")
    }
    return heard_ms
  }

  static func pageSize(_ size: Int32, default standard: Int, maximum: Int) throws(ConversationError) -> Int {
    if size == 0 { return standard }
    guard size > 0 else { throw .fieldInvalid(field: "page_size", description: "must not be negative") }
    return min(Int(size), maximum)
  }

  static func text(_ text: String, field: String, characters: Int) throws(ConversationError) {
    guard text.unicodeScalars.count <= characters else {
      throw .fieldInvalid(field: field, description: "must have at most \(characters) characters")
    }
  }

  private static func identifier(
    _ text: String, field: String, characters: Int
  ) throws(ConversationError) -> String {
    if text.isEmpty { throw .fieldInvalid(field: field, description: "is required") }
    guard text.unicodeScalars.count <= characters, !text.unicodeScalars.contains("\0") else {
      throw .fieldInvalid(field: field, description: "must have at most \(characters) characters and no U+0000")
    }
    return text
  }
}
