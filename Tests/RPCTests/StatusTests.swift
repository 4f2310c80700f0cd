import Protobuf
import Testing

@testable import RPC

@Suite struct StatusTests {
  @Test(arguments: [
    ("", ""), ("plain text ~!", "plain text ~!"), ("100%", "100%25"), ("a\nb", "a%0Ab"), ("不行", "%E4%B8%8D%E8%A1%8C"),
    ("\u{7F}", "%7F"), (" ", "%20"), ("  a b  ", "%20%20a b%20%20"), (" 不 ", "%20%E4%B8%8D%20"),
  ])
  func messageIsPercentCoded(message: String, header: String) {
    #expect(StatusMessageCoding.encode(message) == header)
    #expect(StatusMessageCoding.decode(Array(header.utf8)) == message)
  }

  @Test(arguments: [("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("%41%", "A%"), ("%FF", "\u{FFFD}"), ("%e4%b8%8d", "不")])
  func brokenMessageIsStillDecoded(header: String, message: String) {
    #expect(StatusMessageCoding.decode(Array(header.utf8)) == message)
  }

  @Test func longMessageIsCutAtAScalar() {
    let coded = StatusMessageCoding.encode(String(repeating: "不", count: 2000))
    let decoded = StatusMessageCoding.decode(Array(coded.utf8))
    #expect(decoded.utf8.count <= RPC.Limits.statusMessage_bytes)
    #expect(decoded.allSatisfy { $0 == "不" })
  }

  @Test(arguments: [
    ("0", StatusCode.ok), ("16", .unauthenticated), ("17", .unknown), ("", .unknown), ("-1", .unknown),
    ("1x", .unknown), ("00000000000000000000001", .unknown), ("5", .notFound),
  ])
  func statusHeaderIsRead(text: String, code: StatusCode) {
    #expect(StatusCode(headerValue: text.utf8) == code)
  }

  @Test func namesGoBothWays() {
    for raw in UInt8(0)...16 {
      let code = StatusCode(rawValue: raw)
      #expect(StatusCode(name: code.name) == code)
    }
    #expect(StatusCode(name: "NOPE") == nil)
  }

  @Test(arguments: [
    (400, StatusCode.internal), (401, .unauthenticated), (403, .permissionDenied), (404, .unimplemented),
    (429, .unavailable), (502, .unavailable), (503, .unavailable), (504, .unavailable), (418, .unknown),
    (200, .unknown),
  ])
  func httpStatusIsMapped(http: Int, code: StatusCode) {
    #expect(StatusMapping.status(httpStatus: http).code == code)
  }

  @Test(arguments: [
    (UInt32(0), StatusCode.internal), (1, .internal), (7, .unavailable), (8, .cancelled), (0xB, .resourceExhausted),
    (0xC, .permissionDenied), (99, .internal),
  ])
  func resetCodeIsMapped(reset: UInt32, code: StatusCode) {
    #expect(StatusMapping.status(resetCode: reset).code == code)
  }

  @Test func detailsSurvive() {
    let info = GoogleRPC.ErrorInfo(reason: "BAD", domain: "test", metadata: ["k": "v"])
    let status = Status(.aborted, "m", details: [info, GoogleRPC.LocalizedMessage(locale: "zh-CN", message: "不行")])
    #expect(status.detail(GoogleRPC.ErrorInfo.self) == info)
    #expect(status.detail(GoogleRPC.LocalizedMessage.self)?.message == "不行")
    #expect(status.detail(GoogleRPC.BadRequest.self) == nil)
    #expect(Status(.aborted, "", details: [1, 2, 3]).detail(GoogleRPC.ErrorInfo.self) == nil)
  }

  @Test func detailsAreAGoogleRPCStatus() throws {
    let status = Status(.notFound, "m", details: [GoogleRPC.ErrorInfo(reason: "R", domain: "d")])
    let parsed = try GoogleRPC.Status(serializedArray: status.details)
    #expect(parsed.code == 5)
    #expect(parsed.message == "m")
    #expect(parsed.details.count == 1)
  }

  struct Odd: Error {}

  @Test func errorsAreMapped() {
    #expect(ErrorMapping.outcome(of: Status(.aborted, "x")) == .expected(Status(.aborted, "x")))
    #expect(ErrorMapping.outcome(of: CancellationError()).status.code == .cancelled)
    #expect(ErrorMapping.outcome(of: WireError.malformed).status.code == .invalidArgument)
    #expect(ErrorMapping.outcome(of: WireError.tooLarge(limit_bytes: 9)).status.code == .resourceExhausted)
    let field = ErrorMapping.outcome(of: WireError.invalidUTF8(field: "a.b[2]")).status
    #expect(field.code == .invalidArgument)
    #expect(field.message.contains("a.b[2]"))
    #expect(field.detail(GoogleRPC.BadRequest.self)?.fieldViolations.first?.field == "a.b[2]")
    #expect(ErrorMapping.outcome(of: Odd()) == .fault(Status(.internal, "internal error")))
    #expect(ErrorMapping.outcome(of: Status(.ok)) == .fault(Status(.internal, "internal error")))
  }
}
