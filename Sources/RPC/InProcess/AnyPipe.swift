import Synchronization

/// Carries messages of any type from one task to another, at most `capacity` waiting: a writer suspends when it is full, a reader
/// when it is empty. Either end may be one that polls instead (`offer`, `take`) and is told by a signal. One reader and one
/// writer at a time; safe from any thread.
///
/// Its continuations are unchecked: each leaves the state under the lock and is resumed once, by whoever took it, and the
/// check costs an allocation a message.
final class AnyPipe: Sendable {
  private enum End: Sendable {
    case finished
    case failed(any Error)
  }

  private enum Outcome { case done, wait, failed(any Error) }

  /// What a reader finds.
  enum Poll: Sendable {
    case message(any Sendable)
    case end
    /// Nothing yet: `ready` tells when to look again.
    case nothing
  }

  /// Somebody to be told after the lock is released.
  private enum Reader {
    case task(UnsafeContinuation<Void, any Error>)
    case signal(CallSignal)

    func resume() {
      switch self {
      case .task(let continuation): continuation.resume()
      case .signal(let signal): signal.raise()
      }
    }

    func resume(throwing error: any Error) {
      switch self {
      case .task(let continuation): continuation.resume(throwing: error)
      case .signal(let signal): signal.raise()
      }
    }
  }

  private struct State {
    var messages: [any Sendable] = []
    var head = 0
    var end: End?
    /// Waits for something to read. It is told without the message: a frame that waits for long has no room for one.
    var reader: UnsafeContinuation<Void, any Error>?
    /// Of a reader that polls: raised at each message.
    var readerSignal: CallSignal?
    /// Of a writer that was refused, until there is room.
    var writerSignal: CallSignal?
    var writers: [(id: UInt64, continuation: UnsafeContinuation<Void, any Error>)] = []
    /// Those who wait until everything was read.
    var flushers: [(id: UInt64, continuation: UnsafeContinuation<Void, any Error>)] = []
    var nextID: UInt64 = 0

    var count: Int { messages.count - head }

    mutating func pop() -> (any Sendable)? {
      guard head < messages.count else { return nil }
      let message = messages[head]
      head += 1
      if head == messages.count {
        messages.removeAll(keepingCapacity: true)
        head = 0
      }
      return message
    }

    mutating func takeReader() -> Reader? {
      guard let reader else { return readerSignal.map { .signal($0) } }
      self.reader = nil
      return .task(reader)
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
  func write(_ message: any Sendable) async throws {
    if !Task.isCancelled, writeAtOnce(message) { return }
    let id = state.withLock { $0.makeID() }
    try await withTaskCancellationHandler {
      try await withUnsafeThrowingContinuation { continuation in
        var reader: Reader?
        let outcome = state.withLock { state -> Outcome in
          if Task.isCancelled { return .failed(CancellationError()) }
          switch state.end {
          case .finished: return .failed(Status(.failedPrecondition, "the call has ended"))
          case .failed(let error): return .failed(error)
          case nil: break
          }
          state.messages.append(message)
          let isAwaited = state.reader != nil
          reader = state.takeReader()
          guard !isAwaited, state.count >= capacity else { return .done }
          state.writers.append((id, continuation))
          return .wait
        }
        reader?.resume()
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
  private func writeAtOnce(_ message: any Sendable) -> Bool {
    var reader: Reader?
    let isWritten = state.withLock { state in
      guard case nil = state.end, state.reader != nil || state.count + 1 < capacity else { return false }
      state.messages.append(message)
      reader = state.takeReader()
      return true
    }
    reader?.resume()
    return isWritten
  }

  /// As `write`, at once: false when the pipe is full; `signal` is raised when it is not. What is offered to a pipe that
  /// has ended is dropped.
  func offer(_ message: any Sendable, orRaise signal: CallSignal) -> Bool {
    var reader: Reader?
    let isTaken = state.withLock { state in
      guard case nil = state.end else { return true }
      guard state.count < capacity else {
        state.writerSignal = signal
        return false
      }
      state.messages.append(message)
      reader = state.takeReader()
      return true
    }
    reader?.resume()
    return isTaken
  }

  /// Raises `signal` whenever `take` may find more than before.
  func notify(_ signal: CallSignal) {
    let isReady = state.withLock { state in
      state.readerSignal = signal
      return state.count > 0 || state.end != nil
    }
    if isReady { signal.raise() }
  }

  /// Suspends until the reader has taken every message.
  func flush() async throws {
    let id = state.withLock { $0.makeID() }
    try await withTaskCancellationHandler {
      try await withUnsafeThrowingContinuation { continuation in
        let outcome = state.withLock { state -> Outcome in
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

  /// The next message; nil after `finish` when all were read. After `fail` throws the failure.
  func next() async throws -> (any Sendable)? {
    while isPending { try await readyOrCancelled() }
    guard case .message(let message) = try poll() else { return nil }
    return message
  }

  /// `poll` would find nothing. (Asked instead of polling before a wait, so that no frame that waits has room for a message.)
  var isPending: Bool { state.withLock { $0.end == nil && $0.count == 0 } }

  /// As `next`, at once.
  func poll() throws -> Poll {
    if Task.isCancelled { throw CancellationError() }
    return try take()
  }

  /// As `poll`, whatever task it is called from.
  func take() throws -> Poll {
    var writer: CallSignal?
    var waiting: [UnsafeContinuation<Void, any Error>] = []
    let found = try state.withLock { state -> Poll in
      guard let message = state.pop() else {
        switch state.end {
        case .failed(let error): throw error
        case .finished: return .end
        case nil: return .nothing
        }
      }
      if state.count < capacity, !state.writers.isEmpty {
        waiting = state.writers.map(\.continuation)
        state.writers = []
      }
      if state.count == 0, !state.flushers.isEmpty {
        waiting += state.flushers.map(\.continuation)
        state.flushers = []
      }
      writer = state.writerSignal.take()
      return .message(message)
    }
    writer?.raise()
    for waiter in waiting { waiter.resume() }
    return found
  }

  /// Returns when `poll` finds more than nothing. Cancelling the task does not end it: who calls it makes the pipe fail.
  func ready() async throws {
    try await withUnsafeThrowingContinuation { continuation in
      let outcome = state.withLock { state -> Outcome in
        if Task.isCancelled { return .failed(CancellationError()) }
        if state.end != nil || state.count > 0 { return .done }
        guard state.reader == nil else { return .failed(Status(.failedPrecondition, "a call has one reader")) }
        // An idle stream waits here: it needs no room for messages.
        state.messages = []
        state.reader = continuation
        return .wait
      }
      switch outcome {
      case .done: continuation.resume()
      case .wait: break
      case .failed(let error): continuation.resume(throwing: error)
      }
    }
  }

  private func readyOrCancelled() async throws {
    try await withTaskCancellationHandler {
      try await ready()
    } onCancel: {
      state.withLock { $0.takeReader() }?.resume(throwing: CancellationError())
    }
  }

  /// No more messages follow; what waits can still be read.
  func finish() {
    end(.finished)
  }

  /// Ends both sides at once, without what was not read yet.
  func fail(_ error: any Error) {
    end(.failed(error), discards: true)
  }

  /// No more messages follow; what waits can still be read, then the failure.
  func finish(throwing error: any Error) {
    end(.failed(error))
  }

  private func end(_ end: End, discards: Bool = false) {
    let (reader, writers) = state.withLock { state in
      if discards { (state.messages, state.head) = ([], 0) }
      switch (state.end, end) {
      case (nil, _), (.finished, .failed): state.end = end
      case (.failed, _), (.finished, .finished):
        return (Reader?.none, [UnsafeContinuation<Void, any Error>]())
      }
      defer {
        state.writers = []
        state.flushers = []
        state.writerSignal = nil
      }
      return (state.takeReader(), (state.writers + state.flushers).map(\.continuation))
    }
    switch end {
    case .finished:
      reader?.resume()
      for writer in writers { writer.resume() }
    case .failed(let error):
      reader?.resume(throwing: error)
      for writer in writers { writer.resume(throwing: error) }
    }
  }
}
