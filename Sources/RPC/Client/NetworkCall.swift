import HTTP2
import NIOCore
import Synchronization

/// One call over a network, on coded messages.
///
/// `@unchecked Sendable`: its state is touched on the channel's event loop only; what callers use moves there first,
/// and `trailing` has its own lock.
final class NetworkCall: HTTP2StreamHandler, DeadlineTarget, @unchecked Sendable {
  let path: String
  let options: CallOptions
  let deadline: ContinuousClock.Instant?
  private let connector: ClientConnector
  private let request: ByteBuffer?
  private var state: ClientCallState
  private var stream: HTTP2Stream?
  private var connection: ClientConnection?
  private var deframer: MessageDeframer
  private var outgoing: [ByteBuffer] = []
  private var head: Metadata?
  private var reader: CheckedContinuation<ByteBuffer?, any Error>?
  private var only: CheckedContinuation<ByteBuffer, any Error>?
  private var writers: [CheckedContinuation<Void, any Error>] = []
  private var headWaiters: [CheckedContinuation<Metadata, any Error>] = []
  private let trailing = Mutex(Metadata())
  var deadlineIndex: Int?

  init(path: String, options: CallOptions, connector: ClientConnector, request: ByteBuffer?) {
    self.path = path
    self.options = options
    self.connector = connector
    self.request = request
    deadline = options.effectiveDeadline()
    state = ClientCallState(isRepeatable: request != nil)
    deframer = MessageDeframer(limit_bytes: options.responseLimit_bytes)
  }

  private var loop: any EventLoop { connector.loop }

  private func onLoop(_ body: @escaping @Sendable () -> Void) {
    if loop.inEventLoop { body() } else { loop.execute(body) }
  }

  // MARK: For the caller, from anywhere

  func start() {
    onLoop { [self] in
      if let deadline {
        let left = ContinuousClock.now.duration(to: deadline)
        guard left > .zero else { return abort(.deadlinePassed) }
        connector.deadlines.add(self, NIODeadline.now() + TimeAmount(left))
      }
      if request != nil { _ = state.endRequest() }
      connector.start(self)
    }
  }

  /// Fails a call that cannot be sent at all.
  func fail(_ status: Status) {
    onLoop { self.abort(status) }
  }

  func cancel() {
    onLoop { self.abort(Status(.cancelled, "the client cancelled the call")) }
  }

  func finishWriting() {
    onLoop { [self] in
      guard state.endRequest() else { return }
      stream?.finish(trailers: nil)
    }
  }

  var trailingMetadata: Metadata { trailing.withLock { $0 } }

  func write(_ message: ByteBuffer) async throws {
    try await suspending { (continuation: CheckedContinuation<Void, any Error>) in self.write(message, continuation) }
  }

  func next() async throws -> ByteBuffer? {
    try await suspending { self.read($0) }
  }

  func single() async throws -> ByteBuffer {
    try await suspending { continuation in
      self.only = continuation
      self.deliver()
    }
  }

  func initialMetadata() async throws -> Metadata {
    try await suspending { continuation in
      if let head = self.head {
        continuation.resume(returning: head)
      } else if let status = self.state.status {
        if status.isOK { continuation.resume(returning: [:]) } else { continuation.resume(throwing: status) }
      } else {
        self.headWaiters.append(continuation)
      }
    }
  }

  /// Registers a continuation on the loop; cancelling the task cancels the call, which resumes it.
  private func suspending<R: Sendable>(
    _ register: @escaping @Sendable (CheckedContinuation<R, any Error>) -> Void
  ) async throws -> R {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        onLoop { register(continuation) }
      }
    } onCancel: {
      cancel()
    }
  }

  // MARK: On the loop

  private func write(_ message: ByteBuffer, _ continuation: CheckedContinuation<Void, any Error>) {
    if let status = state.status {
      let reason = status.isOK ? Status(.failedPrecondition, "the call has ended") : status
      return continuation.resume(throwing: reason)
    }
    guard !state.requestEnded else {
      return continuation.resume(throwing: Status(.failedPrecondition, "write after finishWriting"))
    }
    guard let stream else {
      outgoing.append(message)
      writers.append(continuation)
      return
    }
    stream.send(message)
    if stream.isWritable { continuation.resume() } else { writers.append(continuation) }
  }

  private func read(_ continuation: CheckedContinuation<ByteBuffer?, any Error>) {
    guard reader == nil, only == nil else {
      return continuation.resume(throwing: Status(.failedPrecondition, "a call has one reader"))
    }
    reader = continuation
    deliver()
  }

  enum Opening { case done, later }

  /// A connection is there: sends the head, and what was written meanwhile. `.later` when the server takes no more
  /// streams at the moment, or the connection is about to close.
  func open(on connection: ClientConnection) -> Opening {
    guard state.isWaiting else { return .done }
    do {
      let fields = RequestFields.head(call: self, authority: connector.authority, isSecure: connector.isSecure)
      let stream = try connection.open(fields, self)
      _ = state.opened()
      self.stream = stream
      self.connection = connection
      if let request { stream.send(request) }
      for message in outgoing { stream.send(message) }
      outgoing = []
      if state.requestEnded { stream.finish(trailers: nil) }
      writabilityChanged(stream)
    } catch HTTP2Error.tooManyStreams, HTTP2Error.connectionClosing, HTTP2Error.streamIdentifiersExhausted {
      return .later
    } catch {
      abort(Status(.unavailable, "cannot open a stream: \(error)"))
    }
    return .done
  }

  var isWaiting: Bool { state.isWaiting }

  func abort(_ status: Status) {
    finish(state.abort(status))
  }

  func deadlineExpired() {
    abort(.deadlinePassed)
  }

  private func finish(_ action: ClientCallState.OnEnd) {
    guard action != .ignore else { return }
    let stream = self.stream
    connector.deadlines.remove(self)
    settle()
    if action == .endAndReset { stream?.reset(.cancel) }
  }

  /// Tells everybody who waits that the call ended.
  private func settle() {
    guard let status = state.status else { return }
    deliver()
    failWaiters(status)
  }

  private func failWaiters(_ status: Status) {
    let writers = self.writers
    let headWaiters = self.headWaiters
    self.writers = []
    self.headWaiters = []
    outgoing = []
    let reason = status.isOK ? Status(.failedPrecondition, "the call has ended") : status
    for writer in writers { writer.resume(throwing: reason) }
    for waiter in headWaiters {
      if status.isOK { waiter.resume(returning: [:]) } else { waiter.resume(throwing: status) }
    }
  }

  /// Gives whoever reads the next message or the end, if there is either.
  private func deliver() {
    if let only {
      guard let result = singleResult() else { return }
      self.only = nil
      only.resume(with: result)
    } else if let reader {
      guard let result = nextResult() else { return }
      self.reader = nil
      reader.resume(with: result)
    }
  }

  /// Nil when the reader has to wait; what has come is then credited, so that the rest can come. Messages come before the
  /// status that followed them.
  private func nextResult() -> Result<ByteBuffer?, any Error>? {
    if let status = state.status, state.isAborted { return .failure(status) }
    do {
      if let message = try deframer.next() {
        credit(deframer.creditDelivered())
        return .success(message)
      }
    } catch {
      return .failure(unusable(error.status))
    }
    guard let status = state.status else {
      credit(deframer.creditReceived())
      return nil
    }
    guard status.isOK else { return .failure(status) }
    guard deframer.buffered_bytes == 0 else {
      return .failure(Status(.internal, "the response ends inside a message"))
    }
    return .success(nil)
  }

  private func singleResult() -> Result<ByteBuffer, any Error>? {
    guard let status = state.status else {
      credit(deframer.creditReceived())
      return nil
    }
    guard status.isOK else { return .failure(status) }
    do {
      guard let message = try deframer.next() else {
        return .failure(Status(.unimplemented, "the server sent no response; one was expected"))
      }
      guard deframer.buffered_bytes == 0 else {
        return .failure(Status(.unimplemented, "the server sent more than one response"))
      }
      return .success(message)
    } catch {
      return .failure(error.status)
    }
  }

  /// Ends a call whose response cannot be read. The reader is told by the caller.
  private func unusable(_ status: Status) -> Status {
    if state.abort(status) == .endAndReset {
      connector.deadlines.remove(self)
      stream?.reset(.cancel)
      failWaiters(status)
    }
    return status
  }

  private func credit(_ bytes: Int) {
    if bytes > 0 { stream?.consume(bytes) }
  }

  // MARK: HTTP/2 events

  func receivedHeaders(_ stream: HTTP2Stream, endStream: Bool) {
    switch ResponseReading.head(stream.headers, endStream: endStream) {
    case .head(let metadata):
      guard state.receivedHead() else { return }
      head = metadata
      let waiters = headWaiters
      headWaiters = []
      for waiter in waiters { waiter.resume(returning: metadata) }
    case .status(let status, let metadata):
      trailing.withLock { $0 = metadata }
      let action = state.receivedStatus(status)
      finish(action == .end && !endStream ? .endAndReset : action)
    }
  }

  func receivedData(_ stream: HTTP2Stream, _ data: ByteBuffer, endStream: Bool) {
    guard state.status == nil else {
      stream.consume(data.readableBytes)
      return
    }
    deframer.append(data)
    if only != nil, deframer.buffered_bytes > options.responseLimit_bytes + 2 * Limits.messagePrefix_bytes {
      return abort(
        Status(.resourceExhausted, "the response is longer than the limit of \(options.responseLimit_bytes) bytes"))
    }
    deliver()
    if endStream { finish(state.receivedStatus(Status(.unknown, "the response ended without grpc-status"))) }
  }

  func inputEnds() { deframer.detach() }

  func receivedTrailers(_ stream: HTTP2Stream, _ trailers: HeaderBlock) {
    let (status, metadata) = ResponseReading.trailers(trailers)
    trailing.withLock { $0 = metadata }
    finish(state.receivedStatus(status))
  }

  func writabilityChanged(_ stream: HTTP2Stream) {
    guard stream.isWritable, !writers.isEmpty else { return }
    let waiting = writers
    writers = []
    for writer in waiting { writer.resume() }
  }

  func closed(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
    self.stream = nil
    let connection = self.connection
    self.connection = nil
    defer { connection?.streamClosed() }
    var status = StatusMapping.status(resetCode: code.rawValue)
    if code == .connectionLost { status = Status(.unavailable, "the connection was lost") }
    switch state.closed(status, isRefused: code == .refusedStream) {
    case .retry: connector.start(self)
    case .end:
      connector.deadlines.remove(self)
      settle()
    case .ignore: break
    }
  }
}

extension Status {
  static let deadlinePassed = Status(.deadlineExceeded, "the deadline passed before the call ended")
}
