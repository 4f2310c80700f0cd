package import Conversation
import ConversationAPI
import Foundation
import Protobuf
package import RPC

/// Maps refusals to gRPC statuses with `google.rpc` details (design §5, Errors): the only place that does.
///
/// Messages are English, for developers; `LocalizedMessage` holds the text that phones have always shown.
package enum ErrorStatus {
  static let domain = "lifeecho"

  /// For `ServerPolicy.errorMapper`: `nil` leaves the error to the RPC layer.
  package static func status(of error: any Error, now: Timestamp) -> Status? {
    switch error {
    case let error as ConversationError: refusal(error, now: now)
    case let error as WireError: unreadable(error)
    default: nil
    }
  }

  static func unauthenticated(_ reason: String, _ message: String) -> Status {
    let text: String? =
      switch reason {
      case "TOKEN_MISSING": "缺少访问令牌"
      case "TOKEN_INVALID", "TOKEN_EXPIRED": "无效的认证令牌"
      case "TOKEN_SUBJECT_MISSING": "无效的令牌内容"
      case "USER_UNKNOWN": "用户不存在"
      default: nil
      }
    return make(.unauthenticated, reason, message, text: text)
  }

  static func scopeMissing(_ scope: String) -> Status {
    make(.permissionDenied, "SCOPE_MISSING", "needs a service token with the scope `\(scope)`")
  }

  static let userMismatch = make(
    .permissionDenied, "USER_MISMATCH",
    "x-life-echo-user names another user than the access token; acting for others takes a service token")

  static func fieldInvalid(field: String, description: String) -> Status {
    make(
      .invalidArgument, "FIELD_INVALID", field.isEmpty ? description : "\(field) \(description)",
      details: [GoogleRPC.BadRequest(fieldViolations: [.init(field: field, description: description)])])
  }

  /// For a declared service whose implementation comes later: MemoirIngestService (its outbox is filled already).
  static func unimplemented(_ what: String) -> Status {
    make(.unimplemented, "NOT_BUILT", "\(what) is not built yet")
  }

  /// The user that a UserService call names does not exist.
  static let userNotFound = make(.notFound, "USER_UNKNOWN", "no such user", text: "用户不存在")

  private static func refusal(_ error: ConversationError, now: Timestamp) -> Status {
    switch error {
    case .userUnknown:
      return unauthenticated("USER_UNKNOWN", "the token's user does not exist")
    case .tokenExpired:
      return unauthenticated("TOKEN_EXPIRED", "the token expired while the stream was open")
    case .conversationForbidden:
      return make(
        .permissionDenied, "CONVERSATION_FORBIDDEN", "the conversation belongs to another user", text: "无权访问此对话")
    case .conversationDeleted:
      return make(
        .failedPrecondition, "CONVERSATION_DELETED", "the conversation was deleted", text: "对话已删除")
    case .conversationUnknown:
      return make(.notFound, "CONVERSATION_UNKNOWN", "no such conversation")
    case .turnUnknown:
      return make(.notFound, "TURN_UNKNOWN", "no such turn in this conversation")
    case .voiceSessionUnknown:
      return make(.notFound, "VOICE_SESSION_UNKNOWN", "no such voice session in this conversation")
    case .rateLimited(let retryAfter_ms):
      return make(
        .resourceExhausted, "RATE_LIMITED", "this hour's transcriptions are used up", text: "语音转写失败,请重试",
        details: [GoogleRPC.RetryInfo(retryDelay: GoogleProtobuf.Duration(.milliseconds(retryAfter_ms)))])
    case .engineMissing:
      return make(
        .failedPrecondition, "ENGINE_MISSING", "no recogniser is configured", text: "语音转写失败,请重试")
    case .recognitionFailed(let what):
      return make(.unavailable, "ENGINE_FAILED", "the recogniser failed: \(what)", text: "语音转写失败,请重试")
    case .requestIDReused:
      return make(.alreadyExists, "REQUEST_ID_REUSED", "request_id was used with another payload")
    case .fieldInvalid(let field, let description):
      return fieldInvalid(field: field, description: description)
    case .quotaExceeded(let quota):
      return quotaExceeded(quota, now: now)
    case .draining:
      return passing("DRAINING", "the server is stopping", retryAfter: .seconds(1))
    case .slowConsumer:
      return passing("SLOW_CONSUMER", "the stream was read too slowly", retryAfter: .seconds(1))
    case .overloaded(let what):
      return passing("OVERLOADED", what, retryAfter: .seconds(1))
    case .tooManyStreams(let limit):
      return make(
        .resourceExhausted, "STREAMS_EXCEEDED", "the user has \(limit) streams of this kind open on this server",
        text: "处理失败,请重试")
    case .storeUnavailable(let what), .storeRefused(let what):
      return passing("STORE_UNAVAILABLE", "the store cannot be used: \(what)", retryAfter: .seconds(2))
    }
  }

  private static func unreadable(_ error: WireError) -> Status {
    switch error {
    case .tooLarge(let limit_bytes):
      return make(
        .resourceExhausted, "MESSAGE_TOO_LARGE", "the message needs more than \(limit_bytes) bytes of memory")
    case .malformed:
      return fieldInvalid(field: "", description: "the message is not valid protobuf")
    case .invalidUTF8(let field):
      return fieldInvalid(field: field, description: "is not valid UTF-8")
    case .embeddedNUL(let field):
      return fieldInvalid(field: field, description: "must not contain U+0000")
    }
  }

  private static func quotaExceeded(_ quota: QuotaSnapshot, now: Timestamp) -> Status {
    let isTurns = quota.turnsUsed >= quota.turnsLimit
    let wait = Duration.microseconds(max(0, quota.resetTime.microseconds - now.microseconds))
    let subject = isTurns ? "turns" : "speech"
    return make(
      .resourceExhausted, "QUOTA_EXCEEDED", "today's \(subject) are used up",
      text: isTurns ? "今天的对话次数已用完,明天再聊吧" : "今天的语音时长已用完,可以用文字继续聊",
      details: [
        GoogleRPC.QuotaFailure(violations: [
          .init(subject: subject, description: "\(quota.turnsUsed) of \(quota.turnsLimit) turns used today")
        ]),
        GoogleRPC.RetryInfo(retryDelay: GoogleProtobuf.Duration(wait)),
      ])
  }

  private static func passing(_ reason: String, _ message: String, retryAfter: Duration) -> Status {
    make(
      .unavailable, reason, message, text: "处理失败,请重试",
      details: [GoogleRPC.RetryInfo(retryDelay: GoogleProtobuf.Duration(retryAfter))])
  }

  private static func make(
    _ code: StatusCode, _ reason: String, _ message: String, text: String? = nil, details: [any WireMessage] = []
  ) -> Status {
    var all: [any WireMessage] = [GoogleRPC.ErrorInfo(reason: reason, domain: domain)]
    all += details
    if let text { all.append(GoogleRPC.LocalizedMessage(locale: "zh-CN", message: text)) }
    return Status(code, message, details: all)
  }
}
