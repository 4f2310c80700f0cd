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
  private let client: HTTPClient
  private let endpoint: String

  /// Call ``shutdown()`` in the end.
  package init(configuration: OpenAIChatConfiguration) {
    self.configuration = configuration
    let base = configuration.baseURL
    endpoint = (base.hasSuffix("/") ? String(base.dropLast()) : base) + "/chat/completions"
    var settings = HTTPClient.Configuration()
    settings.timeout.connect = TimeAmount(configuration.connectTimeout)
    // Following a redirect would hand the API key to whoever the server names.
    settings.redirectConfiguration = .disallow
    settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = Limits.connections
    // Its own retries would go on until the deadline and hide that the server is away.
    settings.connectionPool.retryConnectionEstablishment = false
    client = HTTPClient(eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: settings)
  }

  package func shutdown() async {
    try? await client.shutdown()
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
    let watchdog = Watchdog(total: configuration.totalTimeout)
    let exchange = ChatExchange(continuation: continuation, watchdog: watchdog, configuration: configuration)
    try await withThrowingTaskGroup(of: Void.self) { group in
      defer { group.cancelAll() }
      group.addTask { try await watchdog.run() }
      group.addTask { try await self.tries(body, exchange) }
      // Whichever ends first ends the other: the group waits for it, and so for the connection to be closed.
      do {
        try await group.next()
      } catch {
        guard !exchange.isFinished else { return }
        try Task.checkCancellation()
        throw error
      }
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
    var request = HTTPClientRequest(url: endpoint)
    request.method = .POST
    request.headers = ["content-type": "application/json", "accept": "text/event-stream", "user-agent": "lifeecho"]
    if let trace = CallTrace.current {
      request.headers.add(name: "x-request-id", value: trace.requestID)
      if let traceparent = trace.traceparent { request.headers.add(name: "traceparent", value: traceparent) }
    }
    if let key = configuration.apiKey { request.headers.add(name: "authorization", value: "Bearer \(key.text)") }
    request.body = .bytes(body)
    exchange.watchdog.expect("the first text", within: configuration.firstTokenTimeout)
    let response = try await client.execute(request, timeout: TimeAmount(configuration.totalTimeout))
    guard response.status == .ok else {
      let json = try await response.body.collect(upTo: Limits.errorBodyBytes)
      throw ChatExchange.Failure(
        error: OpenAIErrorBody.error(status: Int(response.status.code), json: Data(json.readableBytesView)),
        retryAfter: RetryPolicy.retryAfter(response.headers.first(name: "retry-after"), now: Date()))
    }
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

extension TimeAmount {
  init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    self = .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
  }
}
