import ConversationAPI
import RPC

/// What a failed call means for the phone (design §5, Errors): the only place that decides it.
struct ServiceError {
  enum Kind: Equatable {
    /// The whole conversation is closed to this user: say it, then close with 1008.
    case refused(String)
    /// Our own token is not good any more; a fresh one may be.
    case credentials
    /// The service is away or overloaded.
    case away
    /// This command was refused; `text` is what people may read.
    case command(text: String)
  }

  let kind: Kind
  /// ErrorInfo.reason, for protocol 2.
  let code: String

  init(_ error: any Error) {
    self.init(error as? Status ?? Status(.internal))
  }

  init(_ status: Status) {
    let reason = status.reason
    code =
      switch status.code {
      case .unavailable where Self.passing.contains(reason): ErrorCode.unavailable
      case _ where reason.isEmpty: ErrorCode.internal
      default: reason
      }
    let text = status.detail(GoogleRPC.LocalizedMessage.self)?.message
    kind =
      switch (status.code, reason) {
      case (_, "CONVERSATION_FORBIDDEN"): .refused(Text.forbidden)
      case (_, "CONVERSATION_DELETED"): .refused(Text.deleted)
      case (.unauthenticated, "USER_UNKNOWN"): .refused(Text.userUnknown)
      case _ where status.isTokenRefused: .credentials
      case _ where status.isPassing: .away
      case (_, ErrorCode.quotaExceeded): .command(text: text ?? Text.quotaExceeded)
      default: .command(text: text ?? Text.failed)
      }
  }

  /// What people may read.
  var text: String {
    switch kind {
    case .refused(let text), .command(let text): text
    case .credentials, .away: Text.failed
    }
  }

  var isQuota: Bool { code == ErrorCode.quotaExceeded }

  /// Of a service that is away, whatever it says.
  private static let passing: Set<String> = ["", "DRAINING", "OVERLOADED", "STORE_UNAVAILABLE", "SLOW_CONSUMER"]
}
