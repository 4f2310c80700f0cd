import AsyncHTTPClient
package import Conversation
import Foundation
import NIOCore
import Synchronization

/// A synthesiser behind `/audio/speech` of any OpenAI-compatible server (OpenAI, deploy/local-speech, …). Thread-safe.
/// Nothing it reads aloud and no key is ever logged or put into an error.
package final class OpenAISpeechSynthesizer: SpeechSynthesizer {
  package let name = "openai"
  private let configuration: OpenAISynthesizerConfiguration
  private let client: EngineClient

  /// Call ``shutdown()`` in the end.
  package init(configuration: OpenAISynthesizerConfiguration) {
    self.configuration = configuration
    client = EngineClient(
      baseURL: configuration.baseURL, apiKey: configuration.apiKey, connectTimeout: configuration.connectTimeout)
  }

  package func shutdown() async {
    await client.shutdown()
  }

  /// Abandoning the stream, or cancelling the task that reads it, closes the connection to the server. What waits for
  /// a slow reader is bounded by the size limit of a sentence.
  package func speak(_ request: SpeechRequest) -> AsyncThrowingStream<[UInt8], any Error> {
    AsyncThrowingStream { continuation in
      let task = Task {
        do {
          try await self.run(request, continuation)
          continuation.finish()
        } catch {
          continuation.finish(throwing: error)
        }
      }
      continuation.onTermination = { if case .cancelled = $0 { task.cancel() } }
    }
  }

  private func run(
    _ request: SpeechRequest, _ continuation: AsyncThrowingStream<[UInt8], any Error>.Continuation
  ) async throws {
    let body = try SpeechBody(configuration, request).json()
    let watchdog = Watchdog(total: configuration.totalTimeout, "the whole sentence")
    let exchange = SpeechExchange(
      continuation: continuation, watchdog: watchdog, format: request.format, idleTimeout: configuration.idleTimeout)
    do {
      try await watchdog.watch { try await self.tries(body, exchange) }
    } catch {
      try Task.checkCancellation()
      throw SpeechSynthesisError(SpeechExchange.failure(error))
    }
  }

  private func tries(_ body: ByteBuffer, _ exchange: SpeechExchange) async throws {
    let policy = RetryPolicy(retries: configuration.retries)
    var attempt = 0
    while true {
      do {
        exchange.watchdog.expect("the first byte of speech", within: configuration.firstByteTimeout)
        let response = try await client.post(
          "/audio/speech", body, type: "application/json", accepting: exchange.format.mediaType,
          timeout: configuration.totalTimeout)
        return try await exchange.read(response)
      } catch {
        try Task.checkCancellation()
        let failure = SpeechExchange.failure(error)
        guard !exchange.hasEmitted,
          let pause = policy.pause(
            after: failure, attempt: attempt, retryAfter: (error as? Refusal)?.retryAfter, chance: .random(in: 0...1)),
          pause < exchange.watchdog.remaining
        else { throw failure }
        attempt += 1
        exchange.watchdog.expect("the pause before another try", within: pause + .seconds(1))
        try await Task.sleep(for: pause)
      }
    }
  }
}

/// The body of `POST /audio/speech`.
private struct SpeechBody: Encodable {
  var model: String
  var input: String
  var voice: String
  var response_format: String
  var speed: Double

  init(_ configuration: OpenAISynthesizerConfiguration, _ request: SpeechRequest) {
    model = configuration.model
    input = request.text
    voice = request.voice.isEmpty ? configuration.voice : request.voice
    response_format = request.format.rawValue
    speed = configuration.speed
  }

  func json() throws -> ByteBuffer {
    ByteBuffer(bytes: try JSONEncoder().encode(self))
  }
}

extension SpeechSynthesisError {
  init(_ failure: ExchangeFailure) {
    self =
      switch failure {
      case .unreachable(let text), .malformed(let text): .unreachable(text)
      case .timedOut(let what): .timedOut(what)
      case .refused(let status, let message): .refused(status: status, message: message)
      case .tooLarge(let limit): .tooLarge(limit_bytes: limit)
      }
  }
}
