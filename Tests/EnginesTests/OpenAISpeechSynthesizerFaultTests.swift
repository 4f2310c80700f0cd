import Conversation
import Foundation
import TestSupport
import Testing

@testable import Engines

/// The synthesiser against everything a server or a network can do wrong.
@Suite struct OpenAISpeechSynthesizerFaultTests {
  typealias Step = FaultyServer.Step

  static let head = "HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\nconnection: close\r\n\r\n"
  static let frame = ToneFrames.character(0)
  static let sentence = "您小时候住在哪里呀？"

  static func configuration(_ url: String) -> OpenAISynthesizerConfiguration {
    var configuration = OpenAISynthesizerConfiguration(baseURL: url, model: "tts-1")
    configuration.connectTimeout = .seconds(20)
    configuration.firstByteTimeout = .seconds(30)
    configuration.idleTimeout = .seconds(30)
    configuration.totalTimeout = .seconds(60)
    return configuration
  }

  /// What a reader of one sentence saw: the bytes, and the error that ended them.
  static func speak(
    _ scripts: [[Step]], format: SpeechFormat = .mp3, voice: String = "",
    _ change: (inout OpenAISynthesizerConfiguration) -> Void = { _ in }
  ) async throws -> (bytes: [UInt8], error: SpeechSynthesisError?, requests: [FaultyServer.Request]) {
    let server = FaultyServer(scripts)
    var configuration = configuration(try await server.start())
    change(&configuration)
    let synthesizer = OpenAISpeechSynthesizer(configuration: configuration)
    var bytes: [UInt8] = []
    var failure: SpeechSynthesisError?
    do {
      for try await part in synthesizer.speak(SpeechRequest(text: sentence, voice: voice, format: format)) {
        bytes += part
      }
    } catch {
      failure = try #require(error as? SpeechSynthesisError, "\(error)")
    }
    await synthesizer.shutdown()
    try await server.stop()
    return (bytes, failure, server.requests)
  }

  static let good: [Step] = [.send(head), .sendBytes(frame), .sendBytes(frame), .close]

  @Test(arguments: [("", "alloy"), ("nova", "nova")])
  func asksAsOpenAIWouldBeAsked(_ voice: String, _ sent: String) async throws {
    let result = try await Self.speak([Self.good], voice: voice) { $0.apiKey = APIKey("sk-test") }
    #expect(result.bytes == Self.frame + Self.frame && result.error == nil)
    let request = try #require(result.requests.first)
    #expect(request.head.hasPrefix("POST /v1/audio/speech HTTP/1.1"))
    #expect(request.head.lowercased().contains("authorization: bearer sk-test"))
    let body = try #require(try JSONSerialization.jsonObject(with: Data(request.bytes)) as? [String: Any])
    #expect(body["input"] as? String == Self.sentence)
    #expect(body["voice"] as? String == sent)
    #expect(body["model"] as? String == "tts-1")
    #expect(body["response_format"] as? String == "mp3")
    #expect(body["speed"] as? Double == 1)
  }

  struct Row: Sendable, CustomTestStringConvertible {
    let name: String
    let scripts: [[Step]]
    let count: Int
    let error: SpeechSynthesisError?
    let requestCount: Int
    var testDescription: String { name }

    init(_ name: String, _ scripts: [[Step]], frames: Int, _ error: SpeechSynthesisError?, requests: Int = 1) {
      self.name = name
      self.scripts = scripts
      count = frames
      self.error = error
      requestCount = requests
    }
  }

  static let rows: [Row] = [
    Row(
      "one byte at a time", [[.send(head)] + frame.map { Step.sendBytes([$0]) } + [.close]], frames: 1, nil),
    Row(
      "429, then well", [[.send(FaultyServer.response("429 Too Many", "{}", headers: "retry-after: 0\r\n"))], good],
      frames: 2, nil, requests: 2),
    Row("500, then well", [[.send(FaultyServer.response("500 Oops", "oops"))], good], frames: 2, nil, requests: 2),
    Row(
      "500 for ever", [[.send(FaultyServer.response("500 Oops", "{\"error\":{\"code\":\"\(sentence)\"}}"))]], frames: 0,
      .refused(status: 500, message: "no error code given"), requests: 2),
    Row(
      "400 is final", [[.send(FaultyServer.response("400 Bad", "{\"error\":{\"type\":\"invalid_request_error\"}}"))]],
      frames: 0, .refused(status: 400, message: "invalid_request_error")),
    Row("disconnect before the head, then well", [[.close], good], frames: 2, nil, requests: 2),
    Row(
      "an empty answer", [[.send(head), .close]], frames: 0, .unreachable("the response ended before any speech"),
      requests: 2),
    Row(
      "JSON for speech", [[.send(FaultyServer.response("200 OK", "{\"audio\":\"\"}"))]], frames: 0,
      .unreachable("the answer is application/json, not speech")),
    Row(
      "a page for speech",
      [[.send("HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\n\r\n<html>"), .close]],
      frames: 0, .unreachable("the answer is text/html, not speech")),
    Row(
      "another format", [[.send(head + "RIFF....WAVE"), .close]], frames: 0, .unreachable("the answer is not mp3")),
    Row(
      "slow but steady", [[.send(head), .sendBytes(frame), .pause(milliseconds: 30), .sendBytes(frame), .close]],
      frames: 2, nil),
  ]

  @Test(arguments: rows)
  func meets(_ row: Row) async throws {
    let result = try await Self.speak(row.scripts)
    #expect(result.bytes == Array(repeating: Self.frame, count: row.count).flatMap(\.self))
    #expect(result.error == row.error)
    #expect(result.requests.count == row.requestCount)
  }

  @Test func cutInTheMiddle() async throws {
    let cut = "HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 9000\r\n\r\n"
    let result = try await Self.speak([[.send(cut), .sendBytes(Self.frame), .close]])
    #expect(result.bytes == Self.frame)
    guard case .unreachable = result.error else {
      Issue.record("\(String(describing: result.error))")
      return
    }
    #expect(result.requests.count == 1)
  }

  @Test func stallBeforeTheFirstByte() async throws {
    for script in [[Step.stall], [.send(Self.head), .stall], [.send(Self.head + "ID"), .stall]] {
      let result = try await Self.speak([script]) { $0.firstByteTimeout = .seconds(2) }
      #expect(result.error == .timedOut("the first byte of speech"))
      #expect(result.bytes.isEmpty && result.requests.count == 1)
    }
  }

  @Test func stallWithinTheSentence() async throws {
    let result = try await Self.speak([[.send(Self.head), .sendBytes(Self.frame), .stall]]) {
      $0.idleTimeout = .milliseconds(100)
    }
    #expect(result.bytes == Self.frame)
    #expect(result.error == .timedOut("more speech"))
  }

  @Test func aDripEndsAtTheTotal() async throws {
    let drip = (0..<400).flatMap { _ in [Step.sendBytes(Self.frame), .pause(milliseconds: 20)] }
    let result = try await Self.speak([[.send(Self.head)] + drip]) { $0.totalTimeout = .seconds(2) }
    #expect(result.error == .timedOut("the whole sentence"))
  }

  @Test func endlessSpeechIsCut() async throws {
    let flood = [UInt8](repeating: 0xFF, count: 1 << 20)
    let result = try await Self.speak([
      [.send(Self.head), .sendBytes(Self.frame)] + (0..<9).map { _ in .sendBytes(flood) } + [.stall]
    ])
    #expect(result.error == .tooLarge(limit_bytes: Engines.Limits.speechBytes))
    #expect(result.bytes.count <= Engines.Limits.speechBytes)
  }

  /// The first bytes are forwarded while the server is still speaking.
  @Test func forwardsAtOnce() async throws {
    let server = FaultyServer([[.send(Self.head), .sendBytes(Self.frame), .stall]])
    let synthesizer = OpenAISpeechSynthesizer(configuration: Self.configuration(try await server.start()))
    var speech = synthesizer.speak(SpeechRequest(text: "好", voice: "", format: .mp3)).makeAsyncIterator()
    #expect(try await speech.next()?.starts(with: Self.frame.prefix(4)) == true)
    #expect(server.openConnections == 1)
    await synthesizer.shutdown()
    try await server.stop()
  }

  @Test func cancellationClosesTheConnection() async throws {
    let server = FaultyServer([[.send(Self.head), .sendBytes(Self.frame), .stall]])
    let synthesizer = OpenAISpeechSynthesizer(configuration: Self.configuration(try await server.start()))
    let reader = Task {
      for try await _ in synthesizer.speak(SpeechRequest(text: "好", voice: "", format: .mp3)) {}
    }
    let isAsked = await eventually { server.openConnections == 1 && server.requests.count == 1 }
    reader.cancel()
    let isClosed = await eventually { server.openConnections == 0 }
    await synthesizer.shutdown()
    try await server.stop()
    #expect(isAsked && isClosed)
  }
}
