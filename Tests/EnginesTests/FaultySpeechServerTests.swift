import Conversation
import Foundation
import Testing

@testable import Engines

/// The engines against a server that is not of this project's making, as the contract tests use it: Python's own HTTP
/// server, which `make test` starts.
@Suite(.serialized) struct FaultySpeechServerTests {
  let url: String

  init() throws {
    url = try #require(
      ProcessInfo.processInfo.environment["TEST_FAULTY_SPEECH_URL"], "no faulty server: run the tests with `make test`")
  }

  /// By curl, since this is not what is tested.
  private func post(_ path: String, _ json: String) throws {
    let curl = Process()
    curl.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
    curl.arguments = ["-sf", "-o", "/dev/null", "-d", json, String(url.dropLast(3)) + path]
    try curl.run()
    curl.waitUntilExit()
    try #require(curl.terminationStatus == 0)
  }

  private func transcribe(_ script: String) async throws -> Result<String, any Error> {
    try post("/_script", script)
    var configuration = OpenAIRecognizerConfiguration(baseURL: url, model: "m")
    configuration.timeout = .seconds(script.contains("stall") ? 3 : 120)
    let recognizer = OpenAISpeechRecognizer(configuration: configuration)
    let short = try await BuiltInSpeechTests.speech(SpeechRequest(text: "好", voice: "", format: .mp3))
    let result = await Result {
      try await recognizer.transcribe(Recording(bytes: short, declaredFormat: nil, duration_ms: 0))
    }
    await recognizer.shutdown()
    return result
  }

  enum Outcome: Sendable {
    case text(String)
    case invalidAudio, unreachable, timedOut, tooLarge
    case refused(Int)

    func matches(_ result: Result<String, any Error>) -> Bool {
      switch (self, result) {
      case (.text(let expected), .success(let text)): return expected == text
      case (_, .success): return false
      case (_, .failure(let error)):
        switch (self, error as? SpeechRecognitionError) {
        case (.invalidAudio, .invalidAudio), (.unreachable, .unreachable), (.timedOut, .timedOut),
          (.tooLarge, .tooLarge):
          return true
        case (.refused(let expected), .refused(let status, _)): return expected == status
        default: return false
        }
      }
    }
  }

  @Test(arguments: [
    (#"[{"text": "我小时候住在河边。"}]"#, Outcome.text("我小时候住在河边。")), (#"[{"text": "慢", "delay_s": 0.1}]"#, .text("慢")),
    (#"[{"fault": "slow", "pause_s": 0.01, "text": "慢"}]"#, .text("慢")),
    (#"[{"status": 503, "retry_after": 1}]"#, .refused(503)),
    (#"[{"status": 400, "error": {"param": "file"}}]"#, .invalidAudio), (#"[{"fault": "close"}]"#, .unreachable),
    (#"[{"fault": "cut"}]"#, .unreachable), (#"[{"fault": "malformed"}]"#, .unreachable),
    (#"[{"fault": "huge"}]"#, .tooLarge), (#"[{"fault": "stall", "first_bytes": true}]"#, .timedOut),
  ])
  func recognitionMeets(_ script: String, _ outcome: Outcome) async throws {
    let result = try await transcribe(script)
    #expect(outcome.matches(result), "\(result)")
  }

  @Test(arguments: [
    (#"[{"frames": 20}]"#, true), (#"[{"fault": "slow", "pause_s": 0.01}]"#, true),
    (#"[{"status": 500}, {"frames": 3}]"#, true),
    (#"[{"fault": "cut"}]"#, false), (#"[{"fault": "malformed"}]"#, false), (#"[{"fault": "huge"}]"#, false),
    (#"[{"fault": "stall"}]"#, false), (#"[{"fault": "stall", "first_bytes": true}]"#, false),
  ])
  func synthesisMeets(_ script: String, _ isWhole: Bool) async throws {
    try post("/_script", script)
    var configuration = OpenAISynthesizerConfiguration(baseURL: url, model: "m")
    configuration.firstByteTimeout = .seconds(script.contains("stall") ? 3 : 120)
    configuration.idleTimeout = configuration.firstByteTimeout
    let synthesizer = OpenAISpeechSynthesizer(configuration: configuration)
    let request = SpeechRequest(text: "您小时候住在哪里？", voice: "", format: .mp3)
    let result = await Result { try await synthesizer.speak(request).reduce(into: [UInt8]()) { $0 += $1 } }
    await synthesizer.shutdown()
    switch result {
    case .success(let bytes): #expect(isWhole && !bytes.isEmpty)
    case .failure(let error): #expect(!isWhole && error is SpeechSynthesisError, "\(error)")
    }
  }
}
