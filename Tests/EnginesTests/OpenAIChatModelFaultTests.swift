import Conversation
import Foundation
import Interview
import NIOCore
import TestSupport
import Testing

@testable import Engines

/// The model client against everything a server or a network can do wrong.
@Suite struct OpenAIChatModelFaultTests {
  typealias Step = FaultyServer.Step
  typealias Events = ChatCompletionStreamTests

  static let head = FaultyServer.eventStreamHead
  static let good: [Step] = [.send(head + Events.text("您") + Events.text("好") + Events.stop + Events.done), .close]

  static func configuration(_ url: String) -> OpenAIChatConfiguration {
    var configuration = OpenAIChatConfiguration(baseURL: url, model: "m")
    configuration.connectTimeout = .seconds(20)
    configuration.firstTokenTimeout = .seconds(30)
    configuration.idleTimeout = .seconds(30)
    configuration.totalTimeout = .seconds(60)
    return configuration
  }

  /// Plays `scripts` to a model and gives what its reader saw: the text, and the error that ended it.
  static func converse(
    _ scripts: [[Step]], _ change: (inout OpenAIChatConfiguration) -> Void = { _ in }
  ) async throws -> (text: String, error: ChatModelError?, requests: [FaultyServer.Request]) {
    let server = FaultyServer(scripts)
    var configuration = configuration(try await server.start())
    change(&configuration)
    let model = OpenAIChatModel(configuration: configuration)
    var text = ""
    var failure: ChatModelError?
    do {
      for try await part in model.reply(to: [PromptMessage(.user, "我小时候住在河边")]) { text += part }
    } catch {
      failure = try #require(error as? ChatModelError, "\(error)")
    }
    await model.shutdown()
    try await server.stop()
    return (text, failure, server.requests)
  }

  @Test func streamsAReply() async throws {
    let result = try await Self.converse([Self.good]) { $0.apiKey = APIKey("sk-test") }
    #expect(result.text == "您好")
    #expect(result.error == nil)
    let request = try #require(result.requests.first)
    #expect(request.head.hasPrefix("POST /v1/chat/completions HTTP/1.1"))
    #expect(request.head.lowercased().contains("authorization: bearer sk-test"))
    let body = try #require(try JSONSerialization.jsonObject(with: Data(request.body.utf8)) as? [String: Any])
    #expect(body["stream"] as? Bool == true)
    #expect(body["model"] as? String == "m")
    #expect(body["max_tokens"] as? Int == 800)
    #expect((body["messages"] as? [[String: String]])?.first == ["role": "user", "content": "我小时候住在河边"])
  }

  @Test func readsAServerThatDoesNotStream() async throws {
    let body = "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"您好\"},\"finish_reason\":\"stop\"}]}"
    let result = try await Self.converse([[.send(FaultyServer.response("200 OK", body))]])
    #expect(result.text == "您好" && result.error == nil)
  }

  struct Row: Sendable, CustomTestStringConvertible {
    let name: String
    let scripts: [[Step]]
    let text: String
    let error: ChatModelError?
    let requestCount: Int
    var testDescription: String { name }

    init(_ name: String, _ scripts: [[Step]], text: String = "", _ error: ChatModelError?, requests: Int) {
      self.name = name
      self.scripts = scripts
      self.text = text
      self.error = error
      requestCount = requests
    }
  }

  static let rows: [Row] = [
    Row(
      "429 with Retry-After, then well",
      [[.send(FaultyServer.response("429 Too Many Requests", "{}", headers: "retry-after: 0\r\n"))], good],
      text: "您好", nil, requests: 2),
    Row(
      "429 for longer than anyone waits",
      [
        [
          .send(
            FaultyServer.response(
              "429 Too Many Requests", "{\"error\":{\"code\":\"rate_limit_exceeded\"}}",
              headers: "retry-after: 3600\r\n"))
        ]
      ],
      .refused(status: 429, message: "rate_limit_exceeded"), requests: 1),
    Row(
      "500 twice, then well",
      [[.send(FaultyServer.response("500 Oops", "oops"))], [.send(FaultyServer.response("503 Busy", ""))], good],
      text: "您好", nil, requests: 3),
    Row(
      "500 for ever",
      [
        [
          .send(
            FaultyServer.response(
              "500 Oops", "{\"error\":{\"code\":500,\"type\":\"server_error\",\"message\":\"我小时候住在河边\"}}"))
        ]
      ],
      .refused(status: 500, message: "server_error 500"), requests: 3),
    Row(
      "400 is final",
      [
        [
          .send(
            FaultyServer.response(
              "400 Bad Request", "{\"error\":{\"code\":400,\"type\":\"exceed_context_size_error\"}}"))
        ]
      ],
      .refused(status: 400, message: "exceed_context_size_error 400"), requests: 1),
    Row(
      "401 is final", [[.send(FaultyServer.response("401 Unauthorized", "no"))]],
      .refused(status: 401, message: "no error code given"), requests: 1),
    Row(
      "a redirect is not followed",
      [[.send(FaultyServer.response("302 Found", "", headers: "location: http://127.0.0.1:1/\r\n"))]],
      .refused(status: 302, message: "no error code given"), requests: 1),
    Row("disconnect before the head, then well", [[.close], good], text: "您好", nil, requests: 2),
    Row("reset before the head, then well", [[.reset], good], text: "您好", nil, requests: 2),
    Row("disconnect after the head, then well", [[.send(head), .close], good], text: "您好", nil, requests: 2),
    Row(
      "disconnect within an announced body, then well",
      [[.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 100\r\n\r\n"), .close], good],
      text: "您好", nil, requests: 2),
    Row(
      "500 with an endless body, then well",
      [
        [
          .send("HTTP/1.1 500 Oops\r\ncontent-length: 2000000\r\n\r\n" + String(repeating: "x", count: 200_000)),
          .stall,
        ], good,
      ],
      text: "您好", nil, requests: 2),
    Row(
      "500 with a body cut off, then well",
      [[.send("HTTP/1.1 500 Oops\r\ncontent-length: 100\r\n\r\nx"), .close], good], text: "您好", nil, requests: 2),
    Row(
      "cut after finish_reason",
      [
        [
          .send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999\r\n\r\n"),
          .send(Events.text("您好") + Events.stop), .close,
        ]
      ], text: "您好", nil, requests: 1),
    Row(
      "stall after finish_reason", [[.send(head + Events.text("您好") + Events.stop), .stall]], text: "您好", nil,
      requests: 1),
    Row("truncated after text", [[.send(head + Events.text("您")), .close], good], text: "您", Events.cut, requests: 1),
    Row(
      "truncated, cleanly chunked", [[.send(FaultyServer.chunked([Events.text("您")]))], good], text: "您", Events.cut,
      requests: 1),
    Row(
      "malformed after text", [[.send(head + Events.text("您") + "data: {\"choi\n\n" + Events.done), .close], good],
      text: "您", .malformed("an event is not a chat completion chunk"), requests: 1),
    Row(
      "malformed first", [[.send(head + "data: {\"choi\n\n"), .close], good],
      .malformed("an event is not a chat completion chunk"), requests: 1),
    Row(
      "error within the stream, before text, then well",
      [[.send(head + "data: {\"error\":{\"code\":503}}\n\n"), .close], good], text: "您好", nil, requests: 2),
    Row(
      "error within the stream, after text",
      [[.send(head + Events.text("您") + "data: {\"error\":{\"code\":503}}\n\n"), .close], good], text: "您",
      .refused(status: 503, message: "503"), requests: 1),
    Row(
      "the connection stays open after the end", [[.send(head + Events.text("您好") + Events.done), .stall]], text: "您好",
      nil, requests: 1),
    Row(
      "slow but steady",
      [
        [
          .send(head), .pause(milliseconds: 30), .send(Events.text("您")), .pause(milliseconds: 30),
          .send(Events.text("好")), .pause(milliseconds: 30), .send(Events.done), .close,
        ]
      ], text: "您好", nil, requests: 1),
  ]

  @Test(arguments: rows)
  func meets(_ row: Row) async throws {
    let result = try await Self.converse(row.scripts)
    #expect(result.text == row.text)
    #expect(result.error == row.error)
    #expect(result.requests.count == row.requestCount)
  }

  @Test func garbageInsteadOfHTTP() async throws {
    let result = try await Self.converse([[.send("SSH-2.0-OpenSSH_9.2\r\n\r\n"), .close]]) { $0.retries = 0 }
    #expect(result.text.isEmpty)
    #expect(result.error != nil)
  }

  @Test func nobodyListens() async throws {
    let server = FaultyServer([Self.good])
    let url = try await server.start()
    try await server.stop()
    let model = OpenAIChatModel(configuration: Self.configuration(url))
    await #expect {
      for try await _ in model.reply(to: [PromptMessage(.user, "x")]) {}
    } throws: {
      if case .unreachable = $0 as? ChatModelError { true } else { false }
    }
    await model.shutdown()
  }

  @Test func stallBeforeTheFirstText() async throws {
    let result = try await Self.converse([[.send(Self.head), .stall]]) { $0.firstTokenTimeout = .seconds(2) }
    #expect(result.error == .timedOut("the first text"))
    #expect(result.requests.count == 1)
  }

  @Test func stallWithinTheReply() async throws {
    let result = try await Self.converse([[.send(Self.head + Events.text("您")), .stall]]) {
      $0.idleTimeout = .milliseconds(100)
    }
    #expect(result.text == "您")
    #expect(result.error == .timedOut("the next text"))
  }

  @Test func commentsDoNotCountAsText() async throws {
    let drip = (0..<40).flatMap { _ in [Step.send(": still thinking\n\n"), .pause(milliseconds: 20)] }
    let result = try await Self.converse([[.send(Self.head)] + drip]) { $0.firstTokenTimeout = .milliseconds(150) }
    #expect(result.error == .timedOut("the first text"))
  }

  @Test func aDripEndsAtTheTotal() async throws {
    let drip = (0..<100).flatMap { _ in [Step.send(Events.text("您")), .pause(milliseconds: 20)] }
    let result = try await Self.converse([[.send(Self.head)] + drip]) { $0.totalTimeout = .milliseconds(200) }
    #expect(result.error == .timedOut("the whole reply"))
  }

  @Test func anEndlessReplyIsCut() async throws {
    let flood = String(repeating: Events.text(String(repeating: "长", count: 500)), count: 60)
    let result = try await Self.converse([[.send(Self.head + flood), .stall]])
    #expect(result.error == .tooLarge(limit_bytes: Engines.Limits.replyBytes))
  }

  /// The words of the transport say what to mend; those of anything else may quote what a person said.
  @Test func whyAConnectionFailedIsToldInTheTransportsWords() {
    struct Quoting: Error { var words = "我小时候住在河边" }
    func failure(_ error: any Error) -> ExchangeFailure { ExchangeFailure(error, limit_bytes: 1, whole: "it") }
    let reset = IOError(errnoCode: ECONNRESET, reason: "read")
    #expect(failure(reset) == .unreachable("IOError: \(reset)") && "\(reset)".contains("reset"))
    #expect(failure(Quoting()) == .unreachable("Quoting"))
  }

  /// Cancelling the reader closes the connection: a model does not go on writing for nobody.
  @Test func cancellationClosesTheConnection() async throws {
    let server = FaultyServer([[.send(Self.head + Events.text("您")), .stall]])
    let model = OpenAIChatModel(configuration: Self.configuration(try await server.start()))
    let reader = Task {
      for try await _ in model.reply(to: [PromptMessage(.user, "x")]) {}
    }
    let isAsked = await eventually { server.openConnections == 1 && server.requests.count == 1 }
    reader.cancel()
    let isClosed = await eventually { server.openConnections == 0 }
    await model.shutdown()
    try await server.stop()
    #expect(isAsked && isClosed)
  }

  /// More replies at once than async-http-client's own limit of eight connections to a server.
  @Test func manyRepliesAtOnce() async throws {
    let server = FaultyServer([[.send(Self.head + Events.text("您")), .stall]])
    let model = OpenAIChatModel(configuration: Self.configuration(try await server.start()))
    let readers = (0..<32).map { _ in
      Task { for try await _ in model.reply(to: [PromptMessage(.user, "x")]) {} }
    }
    let areAllAsked = await eventually { server.requests.count == 32 }
    readers.forEach { $0.cancel() }
    let areAllClosed = await eventually { server.openConnections == 0 }
    await model.shutdown()
    try await server.stop()
    #expect(areAllAsked && areAllClosed)
  }

  @Test func theKeyIsHidden() throws {
    let key = try #require(APIKey("sk-secret"))
    var dumped = ""
    dump(key, to: &dumped)
    #expect(!"\(key) \(String(reflecting: key)) \(dumped)".contains("sk-secret"))
    #expect(APIKey("two words") == nil && APIKey("") == nil && APIKey("a\r\nb") == nil)
  }
}
