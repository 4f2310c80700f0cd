import Synchronization

/// Carries messages from one task to another, at most `capacity` waiting: a writer suspends when it is full, a reader
/// when it is empty. One reader and one writer at a time; safe from any thread.
///
/// Its continuations are unchecked: each leaves the state under the lock and is resumed once, by whoever took it, and the
/// check costs an allocation a message.
final class MessagePipe<Message: Sendable>: Sendable {
  private enum End: Sendable {
    case finished
    case failed(any Error)
  }

  private enum WriteOutcome { case done, wait, failed(any Error) }
  private enum ReadOutcome { case message(Message?), wait, failed(any Error) }

  private struct State {
    var messages: [Message] = []
    var head = 0
    var end: End?
    var reader: (id: UInt64, continuation: UnsafeContinuation<Message?, any Error>)?
    var writers: [(id: UInt64, continuation: UnsafeContinuation<Void, any Error>)] = []
    /// Those who wait until everything was read.
    var flushers: [(id: UInt64, continuation: UnsafeContinuation<Void, any Error>)] = []
    var nextID: UInt64 = 0

    var count: Int { messages.count - head }

    mutating func pop() -> Message? {
      guard head < messages.count else { return nil }
      let message = messages[head]
      head += 1
      if head == messages.count {
        messages.removeAll(keepingCapacity: true)
        head = 0
      }
      return message
    }

    mutating func makeID() -> UInt64 {
      nextID += 1
      return nextID
    }
  }

  private let state = Mutex(State())
  private let capacity: Int

  init(capacity: Int = Limits.inProcessMessages) {
    self.capacity = capacity
  }

  /// Throws the failure the pipe ended with, or `Status` FAILED_PRECONDITION after `finish`.
  func write(_ message: Message) async throws {
    if !Task.isCancelled, writeAtOnce(message) { return }
    let id = state.withLock { $0.makeID() }
    try await withTaskCancellationHandler {
      try await withUnsafeThrowingContinuation { continuation in
        let (outcome, reader) = state.withLock { state -> (WriteOutcome, UnsafeContinuation<Message?, any Error>?) in
          if Task.isCancelled { return (.failed(CancellationError()), nil) }
          switch state.end {
          case .finished: return (.failed(Status(.failedPrecondition, "the call has ended")), nil)
          case .failed(let error): return (.failed(error), nil)
          case nil: break
          }
          if let reader = state.reader {
            state.reader = nil
            return (.done, reader.continuation)
          }
          state.messages.append(message)
          guard state.count >= capacity else { return (.done, nil) }
          state.writers.append((id, continuation))
          return (.wait, nil)
        }
        reader?.resume(returning: message)
        switch outcome {
        case .done: continuation.resume()
        case .wait: break
        case .failed(let error): continuation.resume(throwing: error)
        }
      }
    } onCancel: {
      let writer = state.withLock { state -> UnsafeContinuation<Void, any Error>? in
        guard let index = state.writers.firstIndex(where: { $0.id == id }) else { return nil }
        return state.writers.remove(at: index).continuation
      }
      writer?.resume(throwing: CancellationError())
    }
  }

  /// False when the writer would have to wait, or the pipe has ended.
  private func writeAtOnce(_ message: Message) -> Bool {
    var reader: UnsafeContinuation<Message?, any Error>?
    let isWritten = state.withLock { state in
      guard case nil = state.end else { return false }
      if let waiting = state.reader {
        reader = waiting.continuation
        state.reader = nil
        return true
      }
      guard state.count + 1 < capacity else { return false }
      state.messages.append(message)
      return true
    }
    reader?.resume(returning: message)
    return isWritten
  }

  /// Suspends until the reader has taken every message.
  func flush() async throws {
    let id = state.withLock { $0.makeID() }
    try await withTaskCancellationHandler {
      try await withUnsafeThrowingContinuation { continuation in
        let outcome = state.withLock { state -> WriteOutcome in
          if Task.isCancelled { return .failed(CancellationError()) }
          if case .failed(let error) = state.end { return .failed(error) }
          guard state.count > 0 else { return .done }
          state.flushers.append((id, continuation))
          return .wait
        }
        switch outcome {
        case .done: continuation.resume()
        case .wait: break
        case .failed(let error): continuation.resume(throwing: error)
        }
      }
    } onCancel: {
      let flusher = state.withLock { state -> UnsafeContinuation<Void, any Error>? in
        guard let index = state.flushers.firstIndex(where: { $0.id == id }) else { return nil }
        return state.flushers.remove(at: index).continuation
      }
      flusher?.resume(throwing: CancellationError())
    }
  }

  /// A message that waits, when taking it wakes nobody; nil when `next` has to see to it.
  func takeAtOnce() -> Message? {
    state.withLock { state in
      guard state.writers.isEmpty, state.flushers.isEmpty else { return nil }
      if case .failed = state.end { return nil }
      return state.pop()
    }
  }

  /// The next message; nil after `finish` when all were read. Throws the failure at once, before what still waits.
  func next() async throws -> Message? {
    if !Task.isCancelled, let message = takeAtOnce() { return message }
    let id = state.withLock { $0.makeID() }
    return try await withTaskCancellationHandler {
      try await withUnsafeThrowingContinuation { continuation in
        let (outcome, writers) = state.withLock { state -> (ReadOutcome, [UnsafeContinuation<Void, any Error>]) in
          if Task.isCancelled { return (.failed(CancellationError()), []) }
          if case .failed(let error) = state.end { return (.failed(error), []) }
          if let message = state.pop() {
            guard state.count < capacity else { return (.message(message), []) }
            var waiting = state.writers.map(\.continuation)
            state.writers = []
            if state.count == 0, !state.flushers.isEmpty {
              waiting += state.flushers.map(\.continuation)
              state.flushers = []
            }
            return (.message(message), waiting)
          }
          if case .finished = state.end { return (.message(nil), []) }
          guard state.reader == nil else {
            return (.failed(Status(.failedPrecondition, "a call has one reader")), [])
          }
          // An idle stream waits here: it needs no room for messages, which go straight to a waiting reader.
          state.messages = []
          state.reader = (id, continuation)
          return (.wait, [])
        }
        for writer in writers { writer.resume() }
        switch outcome {
        case .message(let message): continuation.resume(returning: message)
        case .wait: break
        case .failed(let error): continuation.resume(throwing: error)
        }
      }
    } onCancel: {
      let reader = state.withLock { state -> UnsafeContinuation<Message?, any Error>? in
        guard let reader = state.reader, reader.id == id else { return nil }
        state.reader = nil
        return reader.continuation
      }
      reader?.resume(throwing: CancellationError())
    }
  }

  /// No more messages follow; what waits can still be read.
  func finish() {
    end(.finished)
  }

  /// Ends both sides at once.
  func fail(_ error: any Error) {
    end(.failed(error))
  }

  private func end(_ end: End) {
    let (reader, writers) = state.withLock { state in
      switch (state.end, end) {
      case (nil, _), (.finished, .failed): state.end = end
      case (.failed, _), (.finished, .finished):
        return (UnsafeContinuation<Message?, any Error>?.none, [UnsafeContinuation<Void, any Error>]())
      }
      defer {
        state.reader = nil
        state.writers = []
        state.flushers = []
      }
      return (state.reader?.continuation, (state.writers + state.flushers).map(\.continuation))
    }
    switch end {
    case .finished:
      reader?.resume(returning: nil)
      for writer in writers { writer.resume() }
    case .failed(let error):
      reader?.resume(throwing: error)
      for writer in writers { writer.resume(throwing: error) }
    }
  }
}

extension MessagePipe: MessageSource, MessageSink {}
