package import Protobuf

/// The requests of a client-streaming or bidirectional call, with backpressure: a client is stopped by flow control
/// while its messages are not read. For one reader; iterating twice goes on where the first reader stopped.
package struct RequestStream<Element: WireMessage>: AsyncSequence, Sendable {
  private let source: any MessageSource<Element>

  package init(_ source: any MessageSource<Element>) {
    self.source = source
  }

  package struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let source: any MessageSource<Element>

    package func next() async throws -> Element? {
      try await source.next()
    }
  }

  package func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(source: source)
  }
}

/// Sends the responses of a server-streaming or bidirectional call.
package struct ResponseWriter<Message: WireMessage>: Sendable {
  private let sink: any MessageSink<Message>

  package init(_ sink: any MessageSink<Message>) {
    self.sink = sink
  }

  /// Sends a message; the response metadata goes out before the first one. Suspends while the client does not keep
  /// up. Throws `Status` when the call ended, `CancellationError` when the task was cancelled.
  package func write(_ message: Message) async throws {
    try await sink.write(message)
  }

  /// Suspends until everything written so far has left for the client: what is sent on another stream after this does
  /// not overtake it on the same connection. Throws as `write`.
  package func flush() async throws {
    try await sink.flush()
  }
}
