import HTTP2
import NIOCore
import Protobuf
import Synchronization

/// One call within the process: a pipe for each direction, and the handler's task on an event loop.
final class InProcessCall<Request: WireMessage, Response: WireMessage>: ClientTransport {
  private struct State {
    var status: Status?
    var head: Metadata?
    var trailing = Metadata()
    var task: Task<Void, Never>?
    var headWaiters: [CheckedContinuation<Metadata, any Error>] = []
  }

  private let policy: ServerPolicy
  private let route: (any Route)?
  private let context: ServerContext
  private let loop: any EventLoop
  private let requests = MessagePipe<Request>()
  private let responses = MessagePipe<Response>()
  private let state = Mutex(State())

  init(method: MethodDescriptor, policy: ServerPolicy, options: CallOptions, loop: any EventLoop) {
    self.policy = policy
    self.loop = loop
    let served = policy.methods.method(path: method.path) ?? policy.unregistered(method)
    route = served.route
    context = ServerContext(
      method: served, request: .parsed(options.metadata),
      deadline: options.effectiveDeadline(), peer: "inproc:")
  }

  /// Starts the handler, on the loop itself at once; `request` is the only request, if given.
  func start(_ request: Request?) {
    if let deadline = context.deadline, deadline <= ContinuousClock.now { return end(.deadlinePassed) }
    let work: @Sendable () async -> Void = {
      do throws(Status) {
        let deadline = InProcessDeadline.start(self.context, on: self.loop) { [weak self] in self?.end(.deadlinePassed)
        }
        defer { deadline?.cancel() }
        if let request, let route = self.route as? TypedRoute<Request, Response>,
          route.descriptor.type == .serverStreaming
        {
          try await self.policy.run(self.context) { try await route.stream(request, to: self.sink(), $0) }
        } else {
          if let request {
            try? await self.requests.write(request)
            self.requests.finish()
          }
          try await self.policy.run(self.context) { try await self.handle($0) }
        }
        self.finish(.ok)
      } catch {
        self.finish(error)
      }
    }
    let task = LoopExecutor.for(loop).begin(work)
    let isOver = state.withLock { state in
      if state.status == nil { state.task = task }
      return state.status != nil
    }
    if isOver { task.cancel() }
  }

  private func handle(_ context: ServerContext) async throws {
    let sink = sink()
    switch route {
    case let route as TypedRoute<Request, Response>:
      try await route.handle(requests: requests, responses: sink, context)
    case let route?:
      try await route.run(
        requests: CodingSource(source: requests), responses: CodingSink(sink: sink), context,
        limit_bytes: Limits.message_bytes)
    case nil:
      throw ServerPolicy.unimplemented(context.method.path)
    }
  }

  private func sink() -> HeadSendingSink<Response> {
    HeadSendingSink(responses: responses) { [weak self] in self?.sendHead() }
  }

  // MARK: The server's side

  private func sendHead() {
    guard state.withLock({ $0.head == nil }) else { return }
    let metadata = context.responseMetadata
    let waiters = state.withLock { state in
      guard state.head == nil else { return [CheckedContinuation<Metadata, any Error>]() }
      state.head = metadata
      defer { state.headWaiters = [] }
      return state.headWaiters
    }
    for waiter in waiters { waiter.resume(returning: metadata) }
  }

  private func finish(_ status: Status) {
    let fields = context.responseFields()
    var trailing = fields?.trailing ?? Metadata()
    if let id = fields?.requestID { trailing.append(RequestID.headerName, id) }
    settle(status, trailing: trailing)
  }

  /// Ends the call before its handler did; what the client has not read yet is dropped.
  private func end(_ status: Status) {
    context.end(status)
    settle(status, trailing: [:], discards: true)
  }

  private func settle(_ status: Status, trailing: Metadata, discards: Bool = false) {
    typealias Waiter = CheckedContinuation<Metadata, any Error>
    let (isFirst, task, waiters) = state.withLock { state -> (Bool, Task<Void, Never>?, [Waiter]) in
      guard state.status == nil else { return (false, nil, []) }
      state.status = status
      state.trailing = trailing
      defer {
        state.task = nil
        state.headWaiters = []
      }
      return (true, state.task, state.headWaiters)
    }
    guard isFirst else { return }
    if status.isOK {
      responses.finish()
      requests.fail(Status(.failedPrecondition, "the call has ended"))
      for waiter in waiters { waiter.resume(returning: [:]) }
    } else {
      task?.cancel()
      if discards { responses.fail(status) } else { responses.finish(throwing: status) }
      requests.fail(status)
      for waiter in waiters { waiter.resume(throwing: status) }
    }
  }

  // MARK: The client's side

  func pipes(_ signal: CallSignal, isSending: Bool) -> (MessagePipe<Request>, MessagePipe<Response>) {
    (requests, responses)
  }

  func write(_ message: Request) async throws {
    try await cancelling { try await requests.write(message) }
  }

  func finishWriting() {
    requests.finish()
  }

  func next() async throws -> Response? {
    while responses.isPending { try await cancelling { try await responses.ready() } }
    guard case .message(let response) = try polled() else { return nil }
    return response
  }

  private func polled() throws -> MessagePipe<Response>.Poll {
    do {
      return try responses.poll()
    } catch let error as CancellationError {
      cancel()
      throw status(of: error)
    }
  }

  func single() async throws -> Response {
    guard let response = try await next() else {
      throw Status(.unimplemented, "the server sent no response; one was expected")
    }
    guard try await next() == nil else {
      cancel()
      throw Status(.unimplemented, "the server sent more than one response")
    }
    return response
  }

  func initialMetadata() async throws -> Metadata {
    try await cancelling {
      try await withCheckedThrowingContinuation { continuation in
        let known = state.withLock { state -> Result<Metadata, any Error>? in
          if let head = state.head { return .success(head) }
          if let status = state.status { return status.isOK ? .success([:]) : .failure(status) }
          state.headWaiters.append(continuation)
          return nil
        }
        if let known { continuation.resume(with: known) }
      }
    }
  }

  var trailingMetadata: Metadata { state.withLock { $0.trailing } }

  func cancel() {
    end(Status(.cancelled, "the client cancelled the call"))
  }

  /// Cancelling the waiting task cancels the call; what was thrown for it becomes the call's status.
  private func cancelling<R: Sendable>(_ body: () async throws -> R) async throws -> R {
    do {
      return try await withTaskCancellationHandler(operation: body) { cancel() }
    } catch let error as CancellationError {
      throw status(of: error)
    }
  }

  private func status(of error: CancellationError) -> Status {
    let status = state.withLock { $0.status }
    return status.flatMap { $0.isOK ? nil : $0 } ?? Status(.cancelled, "\(error)")
  }
}
