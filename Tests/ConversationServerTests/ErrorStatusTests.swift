import Conversation
import Protobuf
import RPC
import Testing

@testable import ConversationServer

/// The error table of the contract: every refusal has its code, reason, domain and people's text.
@Suite("Refusals as statuses")
struct ErrorStatusTests {
  static let quota = QuotaSnapshot(
    turnsLimit: 30, turnsUsed: 30, speechLimit_ms: 1_200_000, speechUsed_ms: 0,
    resetTime: Timestamp(microseconds: 61_000_000))

  static let rows: [(ConversationError, StatusCode, String, String?)] = [
    (.userUnknown, .unauthenticated, "USER_UNKNOWN", "用户不存在"),
    (.tokenExpired, .unauthenticated, "TOKEN_EXPIRED", "无效的认证令牌"),
    (.conversationForbidden, .permissionDenied, "CONVERSATION_FORBIDDEN", "无权访问此对话"),
    (.conversationDeleted, .failedPrecondition, "CONVERSATION_DELETED", "对话已删除"),
    (.conversationUnknown, .notFound, "CONVERSATION_UNKNOWN", nil),
    (.turnUnknown, .notFound, "TURN_UNKNOWN", nil),
    (.requestIDReused, .alreadyExists, "REQUEST_ID_REUSED", nil),
    (.quotaExceeded(quota), .resourceExhausted, "QUOTA_EXCEEDED", "今天的对话次数已用完,明天再聊吧"),
    (.fieldInvalid(field: "text", description: "is bad"), .invalidArgument, "FIELD_INVALID", nil),
    (.storeUnavailable("away"), .unavailable, "STORE_UNAVAILABLE", "处理失败,请重试"),
    (.storeRefused("a value"), .unavailable, "STORE_UNAVAILABLE", "处理失败,请重试"),
    (.overloaded("full"), .unavailable, "OVERLOADED", "处理失败,请重试"),
    (.tooManyStreams(limit: 7), .resourceExhausted, "STREAMS_EXCEEDED", "处理失败,请重试"),
    (.draining, .unavailable, "DRAINING", "处理失败,请重试"),
    (.slowConsumer, .unavailable, "SLOW_CONSUMER", "处理失败,请重试"),
  ]

  @Test("code, reason and text", arguments: rows.indices)
  func row(index: Int) throws {
    let (error, code, reason, text) = Self.rows[index]
    let status = try #require(ErrorStatus.status(of: error, now: Timestamp(microseconds: 0)))
    #expect(status.code == code)
    let info = try #require(status.detail(GoogleRPC.ErrorInfo.self))
    #expect(info.reason == reason)
    #expect(info.domain == "lifeecho")
    #expect(status.detail(GoogleRPC.LocalizedMessage.self)?.message == text)
    if code == .unavailable { #expect(status.detail(GoogleRPC.RetryInfo.self) != nil) }
  }

  @Test("a quota refusal says when the day ends and what was used")
  func quota() throws {
    let status = try #require(
      ErrorStatus.status(of: ConversationError.quotaExceeded(Self.quota), now: Timestamp(microseconds: 1_000_000)))
    #expect(status.detail(GoogleRPC.RetryInfo.self)?.retryDelay?.seconds == 60)
    #expect(status.detail(GoogleRPC.QuotaFailure.self)?.violations.first?.subject == "turns")
  }

  @Test("used-up speech has its own text")
  func speech() throws {
    var quota = Self.quota
    quota.turnsUsed = 1
    quota.speechUsed_ms = quota.speechLimit_ms
    let status = try #require(
      ErrorStatus.status(of: ConversationError.quotaExceeded(quota), now: .init(microseconds: 0)))
    #expect(status.detail(GoogleRPC.LocalizedMessage.self)?.message == "今天的语音时长已用完,可以用文字继续聊")
  }

  @Test("unreadable messages name the field")
  func wire() throws {
    let now = Timestamp(microseconds: 0)
    let status = try #require(ErrorStatus.status(of: WireError.invalidUTF8(field: "text"), now: now))
    #expect(status.code == .invalidArgument)
    #expect(status.detail(GoogleRPC.BadRequest.self)?.fieldViolations.first?.field == "text")
    let large = try #require(ErrorStatus.status(of: WireError.tooLarge(limit_bytes: 1), now: now))
    #expect(large.code == .resourceExhausted)
  }

  @Test("other errors are left to the RPC layer")
  func others() {
    #expect(ErrorStatus.status(of: CancellationError(), now: Timestamp(microseconds: 0)) == nil)
  }
}
