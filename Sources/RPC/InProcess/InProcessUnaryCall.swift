import HTTP2
import NIOCore
import Synchronization

/// One unary call within the process. Nothing flows, so there is no pipe: the handler's task leaves its response here,
/// before the caller waits at all when the handler did not have to. It knows no types, for the reason in ``MessagePipe``.
final class InProcessUnaryCall: Sendable {
  typealias Handler = @Sendable (ServerContext) async throws -> any Sendable

  private struct State {
    var response: (any Sendable)?
    var outcome: Result<any Sendable, Status>?
    var caller: UnsafeContinuation<any Sendable, any Error>?
    var task: Task<Void, Never>?
  }

  private let policy: ServerPolicy
  private let context: ServerContext
  private let loop: any EventLoop
  private let state = Mutex(State())

  init(_ served: ServedMethod, policy: ServerPolicy, options: CallOptions, loop: any EventLoop) {
    self.policy = policy
    self.loop = loop
    context = ServerContext(
      method: served, request: .parsed(options.metadata), deadline: options.effectiveDeadline(), peer: "inproc:")
  }

  /// What `handler` returns. Throws `Status`. Cancelling the waiting task cancels the call.
  func response(of handler: @escaping Handler) async throws -> any Sendable {
    if let deadline = context.deadline, deadline <= ContinuousClock.now { throw Status.deadlinePassed }
    start(handler)
    if let outcome = state.withLock({ $0.outcome }) { return try outcome.get() }
    let deadline = InProcessDeadline.start(context, on: loop) { [weak self] in self?.end(.deadlinePassed) }
    defer { deadline?.cancel() }
    return try await withTaskCancellationHandler {
      try await withUnsafeThrowingContinuation { continuation in
        let outcome = state.withLock { state in
          if state.outcome == nil { state.caller = continuation }
          return state.outcome
        }
        if let outcome { continuation.resume(with: outcome) }
      }
    } onCancel: {
      end(Status(.cancelled, "the client cancelled the call"))
    }
  }

  /// On the loop itself the handler begins at once.
  private func start(_ handler: @escaping Handler) {
    let work: @Sendable () async -> Void = {
      do throws(Status) {
        try await self.policy.run(self.context) { context in
          let response = try await handler(context)
          self.state.withLock { $0.response = response }
        }
        self.finish()
      } catch {
        self.settle(.failure(error))
      }
    }
    let task = LoopExecutor.for(loop).begin(work)
    let isOver = state.withLock { state in
      if state.outcome == nil { state.task = task }
      return state.outcome != nil
    }
    if isOver { task.cancel() }
  }

  private func finish() {
    let response = state.withLock { $0.response.take() }
    settle(
      response.map { .success($0) }
        ?? .failure(Status(.internal, "an interceptor ended the call without a response")))
  }

  /// Ends the call before its handler did.
  private func end(_ status: Status) {
    context.end(status)
    let task = state.withLock { $0.task }
    settle(.failure(status))
    task?.cancel()
  }

  private func settle(_ outcome: Result<any Sendable, Status>) {
    let caller = state.withLock { state -> UnsafeContinuation<any Sendable, any Error>? in
      guard state.outcome == nil else { return nil }
      state.outcome = outcome
      state.task = nil
      return state.caller.take()
    }
    caller?.resume(with: outcome)
  }
}
