import Conversation
import Foundation
import TestSupport
import Testing

@testable import Engines

/// The recogniser against everything a server or a network can do wrong.
@Suite struct OpenAISpeechRecognizerFaultTests {
  typealias Step = FaultyServer.Step

  static let sample = "zh1.kokoro.m4a"

  static func answer(_ text: String) -> [Step] {
    [.send(FaultyServer.response("200 OK", "{\"text\":\"\(text)\"}"))]
  }

  static func failure(_ status: String, _ error: String, headers: String = "") -> [Step] {
    [.send(FaultyServer.response(status, "{\"error\":\(error)}", headers: headers))]
  }

  static func configuration(_ url: String) -> OpenAIRecognizerConfiguration {
    var configuration = OpenAIRecognizerConfiguration(baseURL: url, model: "whisper-1")
    configuration.connectTimeout = .seconds(20)
    configuration.timeout = .seconds(60)
    return configuration
  }

  /// What one recording gives when the server plays `script`.
  static func transcribe(
    _ script: [Step], _ recording: Recording, _ change: (inout OpenAIRecognizerConfiguration) -> Void = { _ in }
  ) async throws -> (result: Result<String, SpeechRecognitionError>, requests: [FaultyServer.Request]) {
    let server = FaultyServer([script])
    var configuration = configuration(try await server.start())
    change(&configuration)
    let recognizer = OpenAISpeechRecognizer(configuration: configuration)
    let result: Result<String, SpeechRecognitionError>
    do {
      result = .success(try await recognizer.transcribe(recording))
    } catch {
      result = .failure(try #require(error as? SpeechRecognitionError, "\(error)"))
    }
    await recognizer.shutdown()
    try await server.stop()
    return (result, server.requests)
  }

  @Test func asksAsOpenAIWouldBeAsked() async throws {
    let recording = try AudioFiles.recording(Self.sample)
    let (result, requests) = try await Self.transcribe(Self.answer("您好。"), recording) {
      $0.apiKey = APIKey("sk-test")
    }
    #expect(result == .success("您好。"))
    let request = try #require(requests.first)
    #expect(request.head.hasPrefix("POST /v1/audio/transcriptions HTTP/1.1"))
    #expect(request.head.lowercased().contains("authorization: bearer sk-test"))
    let boundary = try #require(request.head.split(separator: "boundary=").last?.prefix { !$0.isNewline })
    #expect(request.body.hasSuffix("--\(boundary)--\r\n"))
    for (name, value) in [
      ("model", "whisper-1"), ("language", "zh"), ("prompt", "以下是普通话的句子。"), ("response_format", "json"),
    ] {
      #expect(request.body.contains("name=\"\(name)\"\r\n\r\n\(value)\r\n"))
    }
    let head = "name=\"file\"; filename=\"audio.m4a\"\r\ncontent-type: audio/mp4\r\n\r\n"
    let place = try #require(request.bytes.firstRange(of: Array(head.utf8)))
    #expect(request.bytes[place.upperBound...].starts(with: recording.bytes))
  }

  @Test func leavesOutWhatIsNotSet() async throws {
    let (result, requests) = try await Self.transcribe(Self.answer("您好。"), try AudioFiles.recording(Self.sample)) {
      $0.prompt = ""
      $0.language = ""
    }
    #expect(result == .success("您好。"))
    let body = try #require(requests.first?.body)
    #expect(!body.contains("name=\"prompt\"") && !body.contains("name=\"language\""))
    #expect(requests.first?.head.lowercased().contains("authorization") == false)
  }

  struct Row: Sendable, CustomTestStringConvertible {
    let name: String
    let script: [Step]
    let result: Result<String, SpeechRecognitionError>
    var testDescription: String { name }

    init(_ name: String, _ script: [Step], _ result: Result<String, SpeechRecognitionError>) {
      self.name = name
      self.script = script
      self.result = result
    }
  }

  static let unreadable = SpeechRecognitionError.invalidAudio("the engine cannot read the recording")
  static let malformed = SpeechRecognitionError.unreachable("the answer is not a transcription")

  static let rows: [Row] = [
    Row("silence", answer(""), .success("")),
    Row("the prompt comes back", answer("以下是普通话的句子。"), .success("")),
    Row("a subtitle comes back", answer("请不吝点赞 订阅 转发 打赏支持明镜与点点栏目"), .success("")),
    Row("a loop comes back", answer(String(repeating: "千", count: 300)), .success("")),
    Row("white space", answer("\\n 您好。 \\n"), .success("您好。")),
    Row(
      "audio that OpenAI cannot read",
      failure(
        "400 Bad Request",
        "{\"message\":\"Audio file might be corrupted or unsupported\",\"type\":\"invalid_request_error\",\"param\":\"file\",\"code\":null}"
      ), .failure(unreadable)),
    Row(
      "a format that OpenAI does not know",
      failure(
        "400 Bad Request",
        "{\"message\":\"Invalid file format. Supported formats: ['flac', 'm4a']\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":null}"
      ), .failure(unreadable)),
    Row("415", failure("415 Unsupported Media Type", "{}"), .failure(unreadable)),
    Row(
      "too short to hold a word",
      failure(
        "400 Bad Request", "{\"type\":\"invalid_request_error\",\"param\":\"file\",\"code\":\"audio_too_short\"}"),
      .success("")),
    Row(
      "400 for another reason",
      failure(
        "400 Bad Request", "{\"message\":\"我小时候\",\"type\":\"invalid_request_error\",\"param\":\"model\",\"code\":null}"
      ),
      .failure(.refused(status: 400, message: "invalid_request_error"))),
    Row(
      "401", failure("401 Unauthorized", "{\"code\":\"invalid_api_key\"}"),
      .failure(.refused(status: 401, message: "invalid_api_key"))),
    Row(
      "413", failure("413 Content Too Large", "{\"type\":\"invalid_request_error\"}"),
      .failure(.refused(status: 413, message: "invalid_request_error"))),
    Row(
      "429", failure("429 Too Many Requests", "{\"code\":\"rate_limit_exceeded\"}"),
      .failure(.refused(status: 429, message: "rate_limit_exceeded"))),
    Row(
      "500 with the transcript in it", [.send(FaultyServer.response("500 Oops", "我小时候住在河边"))],
      .failure(.refused(status: 500, message: "no error code given"))),
    Row(
      "a redirect is not followed",
      [.send(FaultyServer.response("302 Found", "", headers: "location: http://127.0.0.1:1/\r\n"))],
      .failure(.refused(status: 302, message: "no error code given"))),
    Row("another JSON", [.send(FaultyServer.response("200 OK", "{\"txet\":\"\"}"))], .failure(malformed)),
    Row("text for null", [.send(FaultyServer.response("200 OK", "{\"text\":null}"))], .failure(malformed)),
    Row("cut JSON", [.send(FaultyServer.response("200 OK", "{\"text\":\"您"))], .failure(malformed)),
    Row("HTML", [.send(FaultyServer.response("200 OK", "<html>"))], .failure(malformed)),
    Row("nothing", [.send(FaultyServer.response("200 OK", ""))], .failure(malformed)),
    Row(
      "an endless answer",
      [
        .send(
          FaultyServer.response("200 OK", "{\"text\":\"" + String(repeating: "长", count: 200_000) + "\"}"))
      ], .failure(.tooLarge(limit_bytes: Engines.Limits.transcriptionBytes))),
    Row(
      "slow but steady",
      [
        .send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 14\r\n\r\n"),
        .pause(milliseconds: 30),
        .send("{\"text\":"), .pause(milliseconds: 30), .send("\"好\"}"),
      ], .success("好")),
  ]

  @Test(arguments: rows)
  func meets(_ row: Row) async throws {
    let (result, requests) = try await Self.transcribe(row.script, try AudioFiles.recording(Self.sample))
    #expect(result == row.result)
    #expect(requests.count == 1)
  }

  @Test(
    arguments: [
      ("disconnect before the head", [.close]), ("reset before the head", [.reset]),
      ("cut within the answer", [.send("HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{\"text\":\"您"), .close]),
      ("no HTTP", [.send("SSH-2.0-OpenSSH_9.2\r\n\r\n"), .close]),
    ] as [(String, [Step])])
  func isUnreachableBy(_ name: String, _ script: [Step]) async throws {
    let (result, _) = try await Self.transcribe(script, try AudioFiles.recording(Self.sample))
    guard case .failure(.unreachable) = result else {
      Issue.record("\(name): \(result)")
      return
    }
  }

  @Test func nobodyListens() async throws {
    let server = FaultyServer([[.close]])
    let recognizer = OpenAISpeechRecognizer(configuration: Self.configuration(try await server.start()))
    try await server.stop()
    await #expect {
      try await recognizer.transcribe(try AudioFiles.recording(Self.sample))
    } throws: {
      if case .unreachable = $0 as? SpeechRecognitionError { true } else { false }
    }
    await recognizer.shutdown()
  }

  /// The limit is on top of the recording's own length, of which this one has next to none.
  @Test(
    arguments: [
      [Step.stall], [.send("HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{\"text\":\"您"), .stall],
    ])
  func aSilentEngineIsLeft(_ script: [Step]) async throws {
    let short = Array(try await BuiltInSpeechTests.speech(SpeechRequest(text: "好", voice: "", format: .mp3)))
    let (result, _) = try await Self.transcribe(
      script, Recording(bytes: short, declaredFormat: .mp3, duration_ms: 240)
    ) { $0.timeout = .milliseconds(100) }
    #expect(result == .failure(.timedOut("the transcript")))
  }

  @Test(arguments: ["broken-garbage.m4a", "broken-truncated.m4a"])
  func badAudioIsNotSent(_ name: String) async throws {
    let (result, requests) = try await Self.transcribe(Self.answer("您好"), try AudioFiles.recording(name))
    guard case .failure(.invalidAudio) = result else {
      Issue.record("\(result)")
      return
    }
    #expect(requests.isEmpty)
  }

  @Test func lessThanASyllableIsNotSent() async throws {
    let wav = try AudioFiles.bytes("formats/samples.wav")
    var short = Array(wav.prefix(44 + 1000))
    let place = try #require(wav.firstRange(of: Array("data".utf8))).upperBound
    short = Array(wav.prefix(place + 4 + 1000))
    short.replaceSubrange(place..<place + 4, with: [0xE8, 3, 0, 0])
    let recording = Recording(bytes: short, declaredFormat: .wav, duration_ms: 31)
    let (result, requests) = try await Self.transcribe(Self.answer("您好"), recording)
    #expect(result == .success("") && requests.isEmpty)
  }

  /// OpenAI takes neither of these; the declared format is wrong on purpose.
  @Test(arguments: ["formats/aac.3gp", "formats/amr.3gp", "formats/adts.aac"])
  func convertsWhatTheEngineDoesNotTake(_ name: String) async throws {
    let recording = Recording(bytes: try AudioFiles.bytes(name), declaredFormat: .mp3, duration_ms: 0)
    let (result, requests) = try await Self.transcribe(Self.answer("您好"), recording)
    #expect(result == .success("您好"))
    let request = try #require(requests.first)
    #expect(request.body.contains("filename=\"audio.m4a\""))
    let file = try #require(request.bytes.firstRange(of: Array("audio/mp4\r\n\r\n".utf8))).upperBound
    let end = try #require(request.bytes[file...].firstRange(of: Array("\r\n--lifeecho-".utf8))).lowerBound
    #expect(try AudioSniffer.sniff(Array(request.bytes[file..<end])).container == .m4a)
  }

  @Test func sendsWhatTheEngineIsSaidToTake() async throws {
    let recording = try AudioFiles.recording("formats/aac.3gp")
    let (_, requests) = try await Self.transcribe(Self.answer("您好"), recording) { $0.containers = [.threeGP] }
    let request = try #require(requests.first)
    #expect(request.body.contains("filename=\"audio.3gp\"\r\ncontent-type: audio/3gpp"))
    #expect(request.bytes.firstRange(of: recording.bytes) != nil)
  }

  @Test func cancellationClosesTheConnection() async throws {
    let server = FaultyServer([[.stall]])
    let recognizer = OpenAISpeechRecognizer(configuration: Self.configuration(try await server.start()))
    let asking = Task { try await recognizer.transcribe(try AudioFiles.recording(Self.sample)) }
    let isAsked = await eventually { server.requests.count == 1 }
    asking.cancel()
    await #expect(throws: CancellationError.self) { try await asking.value }
    let isClosed = await eventually { server.openConnections == 0 }
    await recognizer.shutdown()
    try await server.stop()
    #expect(isAsked && isClosed)
  }
}
