import HTTP2
import NIOCore

/// What a handler reads from and writes to. From off the loop it moves there first.
extension ServerCall: MessageSource, MessageSink {
  func next() async throws -> ByteBuffer? {
    guard connection.loop.inEventLoop else {
      return try await withTaskExecutorPreference(connection.executor) { try await self.next() }
    }
    precondition(reader == nil, "a request stream has one reader")
    try Task.checkCancellation()
    switch try nextMessage() {
    case .message(let message): return message
    case .end: return nil
    case nil: break
    }
    return try await withTaskCancellationHandler {
      try await withUnsafeThrowingContinuation { continuation in
        if Task.isCancelled {
          continuation.resume(throwing: CancellationError())
        } else {
          reader = continuation
        }
      }
    } onCancel: {
      connection.loop.execute { self.abandonRead() }
    }
  }

  private func abandonRead() {
    let waiting = reader
    reader = nil
    waiting?.resume(throwing: CancellationError())
  }

  func write(_ message: ByteBuffer) async throws {
    guard connection.loop.inEventLoop else {
      return try await withTaskExecutorPreference(connection.executor) { try await self.write(message) }
    }
    try Task.checkCancellation()
    guard let stream else { throw CancellationError() }
    switch state.sendMessage() {
    case .refuse:
      throw CancellationError()
    case .sendHeadAndMessage:
      stream.sendHeaders(ResponseHead.initial(context?.responseFields()), endStream: false)
    case .sendMessage:
      break
    }
    context?.countSent(message.readableBytes - Limits.messagePrefix_bytes)
    stream.send(message)
    if !stream.isWritable { try await waitForWritability() }
  }

  func flush() async throws {
    guard connection.loop.inEventLoop else {
      return try await withTaskExecutorPreference(connection.executor) { try await self.flush() }
    }
    guard let stream else { throw CancellationError() }
    stream.awaitEmptyQueue()
    if !stream.isWritable { try await waitForWritability() }
  }

  /// Not for ever: a client that reads nothing would keep its stream, and what ends it, waiting.
  private func waitForWritability() async throws {
    if deadlineIndex == nil {
      connection.deadlines.add(self, .now() + .seconds(connection.policy.unreadResponses_s))
    }
    defer { if context?.deadline == nil { connection.deadlines.remove(self) } }
    try await withTaskCancellationHandler {
      try await withUnsafeThrowingContinuation { (continuation: UnsafeContinuation<Void, any Error>) in
        if Task.isCancelled {
          continuation.resume(throwing: CancellationError())
        } else {
          writers.append(continuation)
        }
      }
    } onCancel: {
      connection.loop.execute { self.abandonWrites() }
    }
  }

  /// A cancelled task usually writes alone; other writers of the same call are told too.
  private func abandonWrites() {
    let waiting = writers
    writers = []
    for writer in waiting { writer.resume(throwing: CancellationError()) }
  }
}
