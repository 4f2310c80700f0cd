import HTTP2
import NIOCore
package import Protobuf
import Synchronization

/// Who is told that a call has something for it, as gRPC C++'s reactors are.
package protocol CallReactor: AnyObject {
  /// There may be more to `poll`, or room for another `offer`. On the call's loop; called once for any number of reasons.
  func callIsReady()
}

/// A call without a task that waits for it: for those who have tens of thousands of calls, most of which do nothing.
/// Everything is for the loop it was made with. The reactor is kept until the call ended or was cancelled.
package final class PolledCall<Request: WireMessage, Response: WireMessage>: Sendable {
  package enum Poll: Sendable {
    case message(Response)
    /// Nothing yet; the reactor is told.
    case pending
    /// The end; with OK, or why the call failed.
    case ended(Status)
  }

  private let call: ClientCall<Request, Response>
  private let requests: MessagePipe<Request>
  private let responses: MessagePipe<Response>
  private let signal: CallSignal

  init(
    _ call: ClientCall<Request, Response>, requests: MessagePipe<Request>, responses: MessagePipe<Response>,
    signal: CallSignal
  ) {
    self.call = call
    self.requests = requests
    self.responses = responses
    self.signal = signal
    responses.notify(signal)
  }

  /// The next response, at once.
  package func poll() -> Poll {
    do {
      switch try responses.take() {
      case .message(let message): return .message(message)
      case .nothing: return .pending
      case .end: return ended(.ok)
      }
    } catch {
      return ended(error as? Status ?? Status(.cancelled, "\(error)"))
    }
  }

  private func ended(_ status: Status) -> Poll {
    signal.silence()
    return .ended(status)
  }

  /// Sends a message; false when the server does not keep up: the reactor is told when to try again. What is offered to
  /// a call that has ended is dropped; `poll` says why it did.
  package func offer(_ message: Request) -> Bool { requests.offer(message, orRaise: signal) }

  /// Says that no more messages follow. Harmless when repeated.
  package func finishWriting() { requests.finish() }

  /// Ends the call with CANCELLED; the reactor hears no more of it. Does nothing to a call that ended.
  package func cancel() {
    signal.silence()
    let status = Status(.cancelled, "the client cancelled the call")
    call.cancel()
    requests.fail(status)
    responses.fail(status)
  }
}

/// Tells a call's reactor, on its loop, soon: once, however often it is raised before.
///
/// `@unchecked Sendable`: the reactor is touched on the loop only.
final class CallSignal: @unchecked Sendable {
  private let executor: LoopExecutor
  private var reactor: (any CallReactor)?
  private let isDue = Atomic(false)

  init(_ reactor: any CallReactor, on loop: any EventLoop) {
    self.reactor = reactor
    executor = LoopExecutor.for(loop)
  }

  /// From any thread.
  func raise() {
    guard !isDue.exchange(true, ordering: .acquiringAndReleasing) else { return }
    executor.eventLoop.execute {
      self.isDue.store(false, ordering: .releasing)
      self.reactor?.callIsReady()
    }
  }

  /// On the loop.
  func silence() { reactor = nil }

  /// Begins a task on the loop.
  func launch(_ work: @escaping @Sendable () async -> Void) {
    _ = executor.begin(work)
  }
}

extension ClientTransport {
  /// For a transport whose messages come from elsewhere: tasks carry them between it and the loop.
  func pipes(_ signal: CallSignal, isSending: Bool) -> (MessagePipe<Request>, MessagePipe<Response>) {
    let requests = MessagePipe<Request>()
    let responses = MessagePipe<Response>()
    signal.launch {
      do {
        while let response = try await next() { try await responses.write(response) }
        responses.finish()
      } catch {
        responses.finish(throwing: error)
      }
      requests.fail(Status(.failedPrecondition, "the call has ended"))
    }
    if isSending {
      signal.launch {
        // Whatever fails here, the reader learns why.
        while let request = try? await requests.next() {
          guard (try? await write(request)) != nil else { return }
        }
        finishWriting()
      }
    }
    return (requests, responses)
  }
}
