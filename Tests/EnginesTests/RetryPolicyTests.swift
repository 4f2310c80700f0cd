import Conversation
import Foundation
import Testing

@testable import Engines

@Suite struct RetryPolicyTests {
  static let policy = RetryPolicy(retries: 2)

  @Test(arguments: [
    (ChatModelError.unreachable(""), true), (.refused(status: 429, message: ""), true),
    (.refused(status: 408, message: ""), true), (.refused(status: 500, message: ""), true),
    (.refused(status: 503, message: ""), true), (.refused(status: 501, message: ""), false),
    (.refused(status: 400, message: ""), false), (.refused(status: 401, message: ""), false),
    (.refused(status: 302, message: ""), false), (.timedOut(""), false), (.malformed(""), false),
    (.tooLarge(limit_bytes: 1), false), (.empty, false),
  ])
  func triesAgainOnlyWhatMayPass(_ error: ChatModelError, _ expected: Bool) {
    #expect((Self.policy.pause(after: error, attempt: 0, retryAfter: nil, chance: 0) != nil) == expected)
    #expect(Self.policy.pause(after: error, attempt: 2, retryAfter: nil, chance: 0) == nil)
  }

  @Test func doublesThePause() {
    let policy = RetryPolicy(retries: 10)
    let pauses = (0..<6).map {
      policy.pause(after: ChatModelError.unreachable(""), attempt: $0, retryAfter: nil, chance: 1)
    }
    #expect(pauses == [.milliseconds(250), .milliseconds(500), .seconds(1), .seconds(2), .seconds(4), .seconds(5)])
    #expect(
      policy.pause(after: ChatModelError.unreachable(""), attempt: 0, retryAfter: nil, chance: 0) == .milliseconds(125))
  }

  @Test func honoursRetryAfter() {
    let busy = ChatModelError.refused(status: 429, message: "")
    #expect(Self.policy.pause(after: busy, attempt: 0, retryAfter: .seconds(7), chance: 0) == .seconds(7))
    #expect(Self.policy.pause(after: busy, attempt: 0, retryAfter: .seconds(31), chance: 0) == nil)
  }

  @Test(
    arguments: [
      (nil, nil), ("5", .seconds(5)), ("0", .zero), ("1.5", .milliseconds(1500)), ("-1", nil), ("soon", nil),
      ("1e99", .seconds(86_400)), ("Thu, 01 Jan 1970 00:01:10 GMT", .seconds(10)),
      ("Thu, 01 Jan 1970 00:00:10 GMT", .zero),
    ] as [(String?, Duration?)])
  func readsRetryAfter(_ field: String?, _ expected: Duration?) {
    #expect(RetryPolicy.retryAfter(field, now: Date(timeIntervalSince1970: 60)) == expected)
  }
}
