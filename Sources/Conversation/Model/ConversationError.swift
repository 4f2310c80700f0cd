/// Why a command was refused (design §5, Errors). Mapped to a gRPC status at the boundary and nowhere else.
package enum ConversationError: Error, Sendable, Equatable {
  case userUnknown
  case conversationForbidden
  case conversationDeleted
  case conversationUnknown
  case turnUnknown
  case voiceSessionUnknown
  case requestIDReused
  case quotaExceeded(QuotaSnapshot)
  /// Of what is rationed by the hour; more is there after that time.
  case rateLimited(retryAfter_ms: Int64)
  /// No recogniser is configured.
  case engineMissing
  /// The recogniser gave no text, in its words; they hold nothing that a user said.
  case recognitionFailed(String)
  /// The field's path as in the proto, and what is wrong with it, in English.
  case fieldInvalid(field: String, description: String)
  case storeUnavailable(String)
  /// The database is there and takes these values at no time.
  case storeRefused(String)
  case overloaded(String)
  /// The user has so many of them open on this server already.
  case tooManyStreams(limit: Int)
  case draining
  /// The token of a long stream has expired.
  case tokenExpired
  /// A stream's reader is too slow.
  case slowConsumer

  /// The same command may succeed a moment later.
  package var isPassing: Bool {
    switch self {
    case .storeUnavailable, .overloaded, .draining: true
    default: false
    }
  }
}
