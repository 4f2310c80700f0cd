/// Where messages of a call come from: the network or the other side of an in-process call.
package protocol MessageSource<Message>: Sendable {
  associatedtype Message: Sendable
  /// The next message, or nil after the last one. One caller at a time. Suspends until a message is there; throws
  /// when the call ended, or the calling task was cancelled.
  func next() async throws -> Message?
}

/// Where messages of a call go.
package protocol MessageSink<Message>: Sendable {
  associatedtype Message: Sendable
  /// Queues a message, and suspends while the receiver does not keep up. Throws when the call ended.
  func write(_ message: Message) async throws
  /// Suspends until the transport, or the receiver within the process, has taken everything that was written. Throws as
  /// `write`.
  func flush() async throws
}
