package import NIOCore
package import Protobuf

/// What carries a call: the network or the same process. All methods are safe from any task.
protocol ClientTransport<Request, Response>: Sendable {
  associatedtype Request: WireMessage
  associatedtype Response: WireMessage

  func write(_ message: Request) async throws
  func finishWriting()
  func next() async throws -> Response?
  /// The only response, when the call ended with OK.
  func single() async throws -> Response
  func initialMetadata() async throws -> Metadata
  var trailingMetadata: Metadata { get }
  func cancel()
  /// What a polled call offers to and takes from. `isSending`: there are requests to come.
  func pipes(_ signal: CallSignal, isSending: Bool) -> (MessagePipe<Request>, MessagePipe<Response>)
}

/// A call as its client sees it. Safe from any task; one reader and one writer at a time. All methods throw `Status`.
/// Letting go of it cancels the call if it has not ended.
package final class ClientCall<Request: WireMessage, Response: WireMessage>: Sendable {
  private let transport: any ClientTransport<Request, Response>

  init(_ transport: any ClientTransport<Request, Response>) {
    self.transport = transport
  }

  deinit {
    transport.cancel()
  }

  /// Sends a message. Suspends while the server does not keep up.
  package func write(_ message: Request) async throws {
    try await transport.write(message)
  }

  /// Says that no more messages follow. Harmless when repeated.
  package func finishWriting() {
    transport.finishWriting()
  }

  /// The next response; nil when the call ended with OK.
  package func next() async throws -> Response? {
    try await transport.next()
  }

  /// The responses as a sequence, which keeps the call alive.
  package var responses: ResponseStream<Request, Response> {
    ResponseStream(call: self)
  }

  /// Waits for the only response and the end of the call.
  package func single() async throws -> Response {
    try await transport.single()
  }

  /// Waits until the server's initial metadata is there. Empty when the call ended without.
  package func initialMetadata() async throws -> Metadata {
    try await transport.initialMetadata()
  }

  /// The metadata that came with the status; empty before the call ended.
  package var trailingMetadata: Metadata { transport.trailingMetadata }

  /// Ends the call with CANCELLED, and tells the server. Does nothing to a call that ended.
  package func cancel() {
    transport.cancel()
  }

  /// The call without tasks that wait for it, for a reactor on `loop`; call it there. Nobody else reads or writes it then.
  package func polled(by reactor: any CallReactor, on loop: any EventLoop) -> PolledCall<Request, Response> {
    polled(by: reactor, on: loop, isSending: true)
  }

  fileprivate func polled(
    by reactor: any CallReactor, on loop: any EventLoop, isSending: Bool
  ) -> PolledCall<Request, Response> {
    let signal = CallSignal(reactor, on: loop)
    let (requests, responses) = transport.pipes(signal, isSending: isSending)
    return PolledCall(self, requests: requests, responses: responses, signal: signal)
  }
}

/// The responses of a call; iterating throws `Status` when the call fails.
package struct ResponseStream<Request: WireMessage, Element: WireMessage>: AsyncSequence, Sendable {
  /// The call, for its metadata and to cancel it.
  package let call: ClientCall<Request, Element>

  package struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let call: ClientCall<Request, Element>

    package func next() async throws -> Element? {
      try await call.next()
    }
  }

  package func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(call: call)
  }

  /// As `ClientCall.polled`, for a call that has sent its request.
  package func polled(by reactor: any CallReactor, on loop: any EventLoop) -> PolledCall<Request, Element> {
    call.polled(by: reactor, on: loop, isSending: false)
  }
}
