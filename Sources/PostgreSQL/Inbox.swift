import CLibPQ
import Synchronization

/// What other threads say to the pool's thread: a locked list and an eventfd that wakes it once per burst.
final class Inbox: Sendable {
  enum Message: Sendable {
    case run(Command)
    case cancel(UInt64)
    case release(UInt64)
    case opened(ticket: UInt64, Result<OpenedConnection, PostgreSQLError>)
    case openFirst(UnsafeContinuation<PostgreSQLError?, Never>)
    case listen(id: UInt64, channel: String, AsyncStream<NotificationEvent>.Continuation)
    case unlisten(UInt64)
    case stop(UnsafeContinuation<Void, Never>?)
  }

  private struct State: ~Copyable {
    var messages: [Message] = []
    var isAsleep = false
    var isClosed = false
  }

  private let state = Mutex(State())
  /// Readable when the thread should look here.
  let wakeDescriptor: Int32

  init() {
    wakeDescriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
    precondition(wakeDescriptor >= 0, "eventfd: the process is out of file descriptors")
  }

  deinit {
    close(wakeDescriptor)
  }

  /// From any thread. False when the pool's thread has ended: the caller answers for the message itself.
  @discardableResult
  func post(_ message: Message) -> Bool {
    let (accepted, mustWake) = state.withLock { state in
      guard !state.isClosed else { return (false, false) }
      state.messages.append(message)
      let wasAsleep = state.isAsleep
      state.isAsleep = false
      return (true, wasAsleep)
    }
    if mustWake {
      var one: UInt64 = 1
      _ = write(wakeDescriptor, &one, 8)
    }
    return accepted
  }

  /// Pool thread: exchanges the waiting messages for an empty array, whose storage is used again.
  /// - Parameter beforeSleep: the thread waits on `wakeDescriptor` next, unless there were messages.
  func take(into messages: inout [Message], beforeSleep: Bool) {
    state.withLock { state in
      swap(&state.messages, &messages)
      state.isAsleep = beforeSleep && messages.isEmpty
    }
  }

  /// Pool thread, after `wakeDescriptor` became readable.
  func clearWake() {
    var count: UInt64 = 0
    _ = read(wakeDescriptor, &count, 8)
  }

  /// Pool thread, at its end: nothing is accepted any more.
  func shut() -> [Message] {
    state.withLock { state in
      state.isClosed = true
      let rest = state.messages
      state.messages = []
      return rest
    }
  }
}
