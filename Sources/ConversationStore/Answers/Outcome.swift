import Conversation
import PostgreSQL

/// The first column of every command's answer.
enum Outcome: String {
  case ok, duplicate, quota, fenced, open, reused, forbidden, deleted, unknown
  case userUnknown = "user_unknown"
  case turnUnknown = "turn_unknown"
  case voiceSessionUnknown = "voice_session_unknown"
  case again
  case rateLimited = "rate_limited"
  case stateChanged = "state_changed"
  case notDue = "not_due"

  /// The refusal it stands for; `nil`: it is no refusal, or one with figures of its own.
  var refusal: ConversationError? {
    switch self {
    case .ok, .duplicate, .quota, .fenced, .open, .stateChanged, .notDue, .again, .rateLimited: nil
    case .reused: .requestIDReused
    case .forbidden: .conversationForbidden
    case .deleted: .conversationDeleted
    case .unknown: .conversationUnknown
    case .userUnknown: .userUnknown
    case .turnUnknown: .turnUnknown
    case .voiceSessionUnknown: .voiceSessionUnknown
    }
  }
}

extension PostgreSQLResult {
  /// The one row of a command's answer, and its outcome.
  /// - Throws: the refusal as `ConversationError`.
  func accepted() throws -> (row: PostgreSQLRow, outcome: Outcome) {
    guard let row = first else { throw PostgreSQLError(kind: .decoding, message: "a command answered nothing") }
    let outcome: Outcome = try stored(row.string(0))
    if let refusal = outcome.refusal { throw refusal }
    return (row, outcome)
  }
}
