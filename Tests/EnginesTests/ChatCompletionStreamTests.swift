import Conversation
import TestSupport
import Testing

@testable import Engines

@Suite struct ChatCompletionStreamTests {
  static func text(_ content: String) -> String {
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\(content)\"},\"finish_reason\":null}]}\n\n"
  }

  static func emptyReason(_ content: String) -> String {
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\(content)\"},\"finish_reason\":\"\"}]}\n\n"
  }

  static let role = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null}}]}\n\n"
  static let stop = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
  static let usage = "data: {\"choices\":[],\"usage\":{\"total_tokens\":3}}\n\n"
  static let usageWithEmptyDelta = "data: {\"choices\":[{\"delta\":{}}],\"usage\":{\"total_tokens\":3}}\n\n"
  static let done = "data: [DONE]\n\n"

  enum Outcome: Sendable, Equatable {
    case whole(String)
    case failed(ChatModelError)
  }

  struct Row: Sendable, CustomTestStringConvertible {
    let name: String
    let stream: String
    let outcome: Outcome
    var testDescription: String { name }

    init(_ name: String, _ stream: String, _ outcome: Outcome) {
      self.name = name
      self.stream = stream
      self.outcome = outcome
    }
  }

  static let cut = ChatModelError.unreachable("the response was cut before the reply was whole")

  static let rows: [Row] = [
    Row("role, text, stop, done", role + text("您") + text("好") + stop + done, .whole("您好")),
    Row("no role chunk", text("您好") + stop + done, .whole("您好")),
    Row("usage chunk without choices", text("a") + stop + usage + done, .whole("a")),
    Row("usage chunk with an empty delta", text("a") + stop + usageWithEmptyDelta + done, .whole("a")),
    Row("done without finish_reason", text("a") + done, .whole("a")),
    Row("finish_reason without done", text("a") + stop, .whole("a")),
    Row("what follows done is ignored", text("a") + done + "data: {broken\n\n", .whole("a")),
    Row(
      "text in the chunk that finishes",
      "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"length\"}]}\n\n", .whole("a")),
    Row(
      "a second choice is not the reply",
      "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"}},{\"delta\":{\"content\":\"a\"}}]}\n\n"
        + done, .whole("a")),
    Row(
      "reasoning is not the reply",
      "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\n" + text("a") + done, .whole("a")),
    Row("escaped text", text("\\u60a8\\n\\ud83d\\udc75") + done, .whole("您\n👵")),
    Row("cut after text", text("a"), .failed(cut)),
    Row("cut within a line", text("a") + "data: {\"choi", .failed(cut)),
    Row("nothing at all", "", .failed(cut)),
    Row("only comments", ": hello\n\n", .failed(cut)),
    Row(
      "malformed line", text("a") + "data: {\"choices\":[{\"del\n\n" + done,
      .failed(.malformed("an event is not a chat completion chunk"))),
    Row("what follows finish_reason is ignored", text("a") + stop + "data: {broken\n\n", .whole("a")),
    Row(
      "an error after finish_reason", text("a") + stop + "data: {\"error\":{\"code\":503}}\n\n", .whole("a")),
    Row("neither choices nor error", "data: {\"ok\":true}\n\n", .failed(cut)),
    Row("empty data", "data:\n\n" + text("a") + "data: \n\n" + stop, .whole("a")),
    Row("null choices", "data: {\"choices\":null,\"usage\":{}}\n\n" + text("a") + stop, .whole("a")),
    Row(
      "events of another name",
      "event: ping\ndata: {\"type\":\"ping\"}\n\nevent: ping\ndata: now\n\n" + text("a") + stop, .whole("a")),
    Row("an empty finish_reason ends nothing", emptyReason("您") + emptyReason("好") + stop, .whole("您好")),
    Row("cut after an empty finish_reason", emptyReason("您"), .failed(cut)),
    Row("an emoji in two events", text("好\\ud83d") + text("\\udc75的") + stop, .whole("好👵的")),
    Row("half an emoji within a text", text("好\\ud83d的") + stop, .whole("好\u{FFFD}的")),
    Row("the other half of an emoji", text("\\udc75的") + stop, .whole("\u{FFFD}的")),
    Row("half an emoji at the end", text("好\\ud83d") + stop, .whole("好")),
    Row(
      "thoughts", text("<think>\\n用户说的是") + text("秘密") + text("</think>\\n\\n") + text("您") + text("好") + stop,
      .whole("您好")),
    Row(
      "thoughts, their tags cut",
      "\\n <thi nk> 秘 密< /th ink>\\n 您 好".split(separator: " ").map { text(String($0)) }.joined() + stop, .whole("您好")),
    Row("thoughts that never end", text("<think>秘密") + stop, .whole("")),
    Row("a tag that is none", text("<thi") + text("rd> 的<think>") + stop, .whole("<third> 的<think>")),
    Row("nothing but the beginning of a tag", text("<th") + stop, .whole("<th")),
    Row("not an object", "data: 7\n\n", .failed(.malformed("an event is not a chat completion chunk"))),
    Row(
      "error with a number",
      text("a") + "data: {\"error\":{\"code\":503,\"message\":\"m\",\"type\":\"unavailable_error\"}}\n\n",
      .failed(.refused(status: 503, message: "unavailable_error 503"))),
    Row(
      "error with a text", "data: {\"error\":{\"code\":\"429\",\"message\":\"m\",\"type\":null}}\n\n",
      .failed(.refused(status: 429, message: "429"))),
    Row(
      "error with a name", "data: {\"error\":{\"code\":\"context_length_exceeded\",\"message\":\"您好\"}}\n\n",
      .failed(.refused(status: 500, message: "context_length_exceeded"))),
    Row(
      "error as a text", "data: {\"error\":\"您好\"}\n\n", .failed(.refused(status: 500, message: "no error code given"))),
    Row(
      "error event", "event: error\ndata: {\"code\":500,\"type\":\"server_error\"}\n\n",
      .failed(.refused(status: 500, message: "server_error 500"))),
    Row(
      "llama.cpp's error line", "error: {\"code\":400,\"message\":\"m\",\"type\":\"exceed_context_size_error\"}\n\n",
      .failed(.refused(status: 400, message: "exceed_context_size_error 400"))),
    Row(
      "content filter", "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"content_filter\"}]}\n\n",
      .failed(.refused(status: 200, message: "content_filter"))),
  ]

  static func outcome(of parts: [ArraySlice<UInt8>]) -> Outcome {
    var stream = ChatCompletionStream()
    var reply = ""
    do throws(ChatModelError) {
      var isFinished = false
      for part in parts where !isFinished {
        try stream.feed(part) { step in
          switch step {
          case .text(let text): reply += text
          case .finished: isFinished = true
          }
        }
      }
      if isFinished { return .whole(reply) }
      try stream.end()
      return .whole(reply)
    } catch {
      return .failed(error)
    }
  }

  @Test(arguments: rows)
  func reads(_ row: Row) {
    let bytes = Array(row.stream.utf8)
    #expect(Self.outcome(of: [bytes[...]]) == row.outcome)
    #expect(Self.outcome(of: bytes.indices.map { bytes[$0...$0] }) == row.outcome)
    for cut in bytes.indices {
      #expect(Self.outcome(of: [bytes[..<cut], bytes[cut...]]) == row.outcome, "cut at \(cut)")
    }
    let crlf = Array(row.stream.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n").utf8)
    #expect(Self.outcome(of: [crlf[...]]) == row.outcome)
  }

  /// A truncated reply is never taken for a whole one.
  @Test func everyTruncationIsNoticed() {
    let whole = Array((Self.role + Self.text("您") + Self.text("好") + Self.stop + Self.done).utf8)
    let stopEnd = Array((Self.role + Self.text("您") + Self.text("好") + Self.stop).utf8).count
    for length in 0..<stopEnd {
      #expect(Self.outcome(of: [whole[..<length]]) == .failed(Self.cut), "cut at \(length)")
    }
    #expect(Self.outcome(of: [whole[..<stopEnd]]) == .whole("您好"))
  }

  /// Any damage gives a reply or a typed error, never a trap. The seed is printed with a failure.
  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func survivesMutation(_ seed: UInt64) async {
    var random = SeededGenerator(seed: seed)
    let original = Array((Self.role + Self.text("您好") + Self.usage + Self.stop + Self.done).utf8)
    for _ in 0..<1000 {
      // Other tests share these threads, and some of them watch the time.
      await Task.yield()
      var bytes = original
      for _ in 0...Int.random(in: 0...4, using: &random) {
        switch Int.random(in: 0...3, using: &random) {
        case 0: bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
        case 1: bytes.remove(at: Int.random(in: 0..<bytes.count, using: &random))
        case 2: bytes.insert(.random(in: 0...255, using: &random), at: Int.random(in: 0..<bytes.count, using: &random))
        default:
          let from = Int.random(in: 0..<bytes.count, using: &random)
          bytes.append(contentsOf: bytes[from...])
        }
      }
      let whole = Self.outcome(of: [bytes[...]])
      #expect(Self.outcome(of: bytes.indices.map { bytes[$0...$0] }) == whole)
    }
  }

  @Test func boundsAReply() {
    let part = Array(Self.text(String(repeating: "长", count: 1000)).utf8)
    var stream = ChatCompletionStream()
    #expect(throws: ChatModelError.tooLarge(limit_bytes: Engines.Limits.replyBytes)) {
      for _ in 0...(Engines.Limits.replyBytes / 3000) { try stream.feed(part) { _ in } }
    }
  }

  @Test func boundsAResponseWithoutText() {
    let part = [UInt8](repeating: 0x0A, count: 1 << 20)
    var stream = ChatCompletionStream()
    #expect(throws: ChatModelError.tooLarge(limit_bytes: Engines.Limits.responseBytes)) {
      for _ in 0...8 { try stream.feed(part) { _ in } }
    }
  }
}
