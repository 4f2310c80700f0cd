import AsyncHTTPClient
import Conversation
import NIOCore
import Synchronization

/// One reply on its way from the server's response to its reader.
final class ChatExchange: Sendable {
  /// What ended a try, and what the server said about the next one.
  struct Failure: Error {
    var error: ChatModelError
    var retryAfter: Duration?
  }

  let watchdog: Watchdog
  private let continuation: AsyncThrowingStream<String, any Error>.Continuation
  private let idleTimeout: Duration
  private let emitted = Atomic<Bool>(false)
  private let finished = Atomic<Bool>(false)

  init(
    continuation: AsyncThrowingStream<String, any Error>.Continuation, watchdog: Watchdog,
    configuration: OpenAIChatConfiguration
  ) {
    self.continuation = continuation
    self.watchdog = watchdog
    idleTimeout = configuration.idleTimeout
  }

  /// Text went to the reader: the try can no longer be repeated.
  var hasEmitted: Bool { emitted.load(ordering: .relaxed) }
  /// The reader has the whole reply: what happens to the connection now is no failure.
  var isFinished: Bool { finished.load(ordering: .relaxed) }

  func emit(_ progress: ChatCompletionStream.Progress) {
    switch progress {
    case .text(let text):
      emitted.store(true, ordering: .relaxed)
      watchdog.expect("the next text", within: idleTimeout)
      continuation.yield(text)
    case .finished:
      finished.store(true, ordering: .relaxed)
      watchdog.expect("the end of the response", within: Limits.drain)
      continuation.finish()
    }
  }

  /// Reads the event stream to its end. What follows the end of the reply is read too, for a short while, since only a
  /// response read to its end leaves its connection fit for the next one.
  func read(_ body: HTTPClientResponse.Body) async throws {
    var stream = ChatCompletionStream()
    for try await part in body where !isFinished {
      try stream.feed(part.readableBytesView, emit)
    }
    if !isFinished { try stream.end() }
  }

  /// What an error means to the port.
  static func failure(_ error: any Error) -> Failure {
    switch error {
    case let refusal as Refusal: Failure(error: ChatModelError(refusal.failure), retryAfter: refusal.retryAfter)
    case let error as ChatModelError: Failure(error: error)
    default:
      Failure(
        error: ChatModelError(ExchangeFailure(error, limit_bytes: Limits.responseBytes, whole: "the whole reply")))
    }
  }
}
