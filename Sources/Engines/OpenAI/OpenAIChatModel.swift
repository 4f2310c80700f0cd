import AsyncHTTPClient
package import Conversation
import Foundation
package import Interview
import NIOCore
import NIOHTTP1

/// A chat model behind `/chat/completions` of any OpenAI-compatible server (OpenAI, llama.cpp, vLLM, Ollama, …).
/// Thread-safe. Nothing a person said and no key is ever logged or put into an error.
package final class OpenAIChatModel: ChatModel {
  package let name = "openai"
  private let configuration: OpenAIChatConfiguration
  private let client: EngineClient

  /// Call ``shutdown()`` in the end.
  package init(configuration: OpenAIChatConfiguration) {
    self.configuration = configuration
    client = EngineClient(
      baseURL: configuration.baseURL, apiKey: configuration.apiKey, connectTimeout: configuration.connectTimeout)
  }

  package func shutdown() async {
    await client.shutdown()
  }

  package func reply(to request: ChatRequest) -> AsyncThrowingStream<String, any Error> {
    reply(to: request.messages)
  }

  /// Abandoning the stream, or cancelling the task that reads it, closes the connection to the server.
  package func reply(to messages: [PromptMessage]) -> AsyncThrowingStream<String, any Error> {
    AsyncThrowingStream { continuation in
      let task = Task {
        do {
          try await self.run(messages, continuation)
          continuation.finish()
        } catch {
          continuation.finish(throwing: error)
        }
      }
      continuation.onTermination = { if case .cancelled = $0 { task.cancel() } }
    }
  }

  private func run(
    _ messages: [PromptMessage], _ continuation: AsyncThrowingStream<String, any Error>.Continuation
  ) async throws {
    let body = try ChatCompletionRequest(configuration, messages).json()
    let watchdog = Watchdog(total: configuration.totalTimeout, "the whole reply")
    let exchange = ChatExchange(continuation: continuation, watchdog: watchdog, configuration: configuration)
    do {
      try await watchdog.watch { try await self.tries(body, exchange) }
    } catch {
      guard !exchange.isFinished else { return }
      try Task.checkCancellation()
      throw ChatExchange.failure(error).error
    }
  }

  private func tries(_ body: ByteBuffer, _ exchange: ChatExchange) async throws {
    let policy = RetryPolicy(retries: configuration.retries)
    var attempt = 0
    while true {
      do {
        return try await self.attempt(body, exchange)
      } catch {
        try Task.checkCancellation()
        let failure = ChatExchange.failure(error)
        guard !exchange.hasEmitted,
          let pause = policy.pause(
            after: failure.error, attempt: attempt, retryAfter: failure.retryAfter, chance: .random(in: 0...1)),
          pause < exchange.watchdog.remaining
        else { throw failure.error }
        attempt += 1
        exchange.watchdog.expect("the pause before another try", within: pause + .seconds(1))
        try await Task.sleep(for: pause)
      }
    }
  }

  private func attempt(_ body: ByteBuffer, _ exchange: ChatExchange) async throws {
    exchange.watchdog.expect("the first text", within: configuration.firstTokenTimeout)
    let response = try await client.post(
      "/chat/completions", body, type: "application/json", accepting: "text/event-stream",
      timeout: configuration.totalTimeout)
    if response.headers.first(name: "content-type")?.lowercased().hasPrefix("application/json") == true {
      // A server that ignores `stream`.
      let completion = try await response.body.collect(upTo: Limits.responseBytes)
      let line = String(decoding: completion.readableBytesView, as: UTF8.self).filter { !$0.isNewline }
      var stream = ChatCompletionStream()
      try stream.feed("data: \(line)\n\n".utf8, exchange.emit)
      return try stream.end()
    }
    try await exchange.read(response.body)
  }
}
