import Logging
import Synchronization
import TestSupport
import Testing

@testable import Conversation

/// A synthesizer whose sentences are made when the test says so.
final class ScriptedSynthesizer: SpeechSynthesizer {
  let name = "scripted"
  private let state = Mutex(State())

  private struct State {
    var asked: [SpeechRequest] = []
    var open: [String: AsyncThrowingStream<[UInt8], any Error>.Continuation] = [:]
    var abandoned: [String] = []
    var immediately: (@Sendable (String) -> Result<[[UInt8]], SpeechSynthesisError>)?
  }

  /// With `immediately`, nobody needs to say anything.
  init(immediately: (@Sendable (String) -> Result<[[UInt8]], SpeechSynthesisError>)? = nil) {
    state.withLock { $0.immediately = immediately }
  }

  func speak(_ request: SpeechRequest) -> AsyncThrowingStream<[UInt8], any Error> {
    AsyncThrowingStream { continuation in
      let immediately = state.withLock { state in
        state.asked.append(request)
        if state.immediately == nil { state.open[request.text] = continuation }
        return state.immediately
      }
      continuation.onTermination = { end in
        guard case .cancelled = end else { return }
        self.state.withLock { $0.abandoned.append(request.text) }
      }
      guard let immediately else { return }
      switch immediately(request.text) {
      case .success(let parts):
        for part in parts { continuation.yield(part) }
        continuation.finish()
      case .failure(let error): continuation.finish(throwing: error)
      }
    }
  }

  var asked: [String] { state.withLock { $0.asked.map(\.text) } }
  var abandoned: [String] { state.withLock { $0.abandoned } }

  func give(_ text: String, _ bytes: [UInt8]) { _ = state.withLock { $0.open[text] }?.yield(bytes) }
  func finish(_ text: String) { state.withLock { $0.open[text] }?.finish() }
  func fail(_ text: String) {
    state.withLock { $0.open[text] }?.finish(throwing: SpeechSynthesisError.refused(status: 500, message: "x"))
  }

  /// As many bytes as the text has, so that a test can tell sentences apart.
  static let echo: @Sendable (String) -> Result<[[UInt8]], SpeechSynthesisError> = { .success([Array($0.utf8)]) }
}

struct TestTasks: TaskLauncher {
  func launch(_ operation: @escaping @Sendable () async -> Void) { Task { await operation() } }
}

struct Timeout: Error { var what: String }

/// What the suites about speech make and take.
protocol SpeechFixture {}

extension SpeechFixture {
  func engine(_ synthesizer: ScriptedSynthesizer, cache_bytes: Int = 1 << 20) -> SpeechEngine {
    SpeechEngine(
      synthesizer: synthesizer, launcher: TestTasks(), cache_bytes: cache_bytes,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  func renderer(_ engine: SpeechEngine) -> SpeechRenderer {
    SpeechRenderer(engine: engine, voice: "", format: .mp3)
  }

  func piece(_ text: String, sequence: Int64, index: Int = 0, total: Int = 1, message: MessageID = "m")
    -> DurableEvent
  {
    DurableEvent(
      sequence: sequence, createTime: Timestamp(microseconds: 0), turn: TurnID("turn-\(message)"), request: nil,
      kind: .agentMessage(AgentPiece(id: message, text: text, index: index, total: total)))
  }

  func said(_ sequence: Int64) -> DurableEvent {
    DurableEvent(
      sequence: sequence, createTime: Timestamp(microseconds: 0), turn: nil, request: nil,
      kind: .userMessage(UserMessage(id: "u", text: "等等", source: .text, chipID: nil, clientTime: nil)))
  }

  /// Takes and delivers a chunk when there is one.
  func next(_ renderer: SpeechRenderer) async throws -> SpeechChunk {
    try await waitUntil("a chunk") { renderer.isReady }
    let chunk = try #require(renderer.take())
    renderer.delivered(chunk)
    return chunk
  }
}
