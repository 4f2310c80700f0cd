import HTTP2
import Logging
import Metrics
import NIOCore
import TLS

/// One client connection of a server. Everything is for its event loop only.
///
/// `@unchecked Sendable`: created, used and released on `loop`; other threads only hold it, to reach it there.
final class ServerConnection: HTTP2ConnectionDelegate, DeadlineTarget, @unchecked Sendable {
  let policy: ServerPolicy
  let loop: any EventLoop
  let executor: LoopExecutor
  let deadlines: DeadlineQueue
  let peer: String
  private let registry: ConnectionRegistry
  /// Dropped when the connection is closed, which ends the cycle. Not weak: that would make each retain slower.
  private var handler: HTTP2ConnectionHandler?
  private(set) var runningHandlers = 0
  private var heldRequest_bytes = 0
  private var isClosed = false
  /// A stream was opened since `closeIfUnused`, or the connection is new.
  private var wasUsed = true
  var deadlineIndex: Int?

  init(policy: ServerPolicy, loop: any EventLoop, peer: String, registry: ConnectionRegistry) {
    self.policy = policy
    self.loop = loop
    self.peer = peer
    self.registry = registry
    executor = LoopExecutor.for(loop)
    deadlines = DeadlineQueue.current(loop)
  }

  func attach(_ handler: HTTP2ConnectionHandler) {
    loop.assertInEventLoop()
    self.handler = handler
  }

  // MARK: HTTP/2 events

  func accept(_ stream: HTTP2Stream, on: HTTP2ConnectionHandler) -> any HTTP2StreamHandler {
    wasUsed = true
    return ServerCall(connection: self)
  }

  /// Strangers can cause any number of these.
  func limitReached(_ connection: HTTP2ConnectionHandler, _ limit: HTTP2Limit) {
    registry.metrics.reached(limit)
    policy.logger.debug("HTTP/2 limit reached", metadata: ["peer": "\(peer)", "limit": "\(limit.rawValue)"])
  }

  func connectionClosed(_ connection: HTTP2ConnectionHandler) {
    if let error = connection.channelError as? TLSError { refused(error) }
    isClosed = true
    handler = nil
    deadlines.remove(self)
    leaveWhenIdle()
  }

  /// Clients that vanish without close_notify are usual, so those are not counted.
  private func refused(_ error: TLSError) {
    guard error.reason != .truncated else { return }
    Counter(label: "lifeecho.tls.failures", dimensions: [("reason", error.reason.rawValue)]).increment()
    // Strangers can cause any number of these.
    policy.logger.debug("TLS connection ended", metadata: ["peer": "\(peer)", "reason": "\(error)"])
  }

  /// Counts bytes of unfinished unary requests; negative to give back. False beyond the connection's or the server's
  /// bound.
  func holdRequest(_ byteCount: Int) -> Bool {
    heldRequest_bytes += byteCount
    let fits = registry.holdRequest(byteCount)
    return fits && heldRequest_bytes <= Limits.connectionRequests_bytes
  }

  // MARK: Handlers

  func handlerStarted() {
    runningHandlers += 1
  }

  func handlerEnded() {
    loop.assertInEventLoop()
    runningHandlers -= 1
    leaveWhenIdle()
  }

  /// A connection counts until its last handler returned, so that a stopped server runs nothing any more.
  private func leaveWhenIdle() {
    if isClosed, runningHandlers == 0 { registry.remove(self) }
  }

  // MARK: Answers

  /// A call ended; its answer is queued. Nearly all are taken at once, so they are looked at together, now and then.
  func answerQueued() {
    guard deadlineIndex == nil, !isClosed else { return }
    deadlines.add(self, .now() + .seconds(policy.unreadResponses_s))
  }

  func deadlineExpired() {
    var isAnyQueued = false
    handler?.forEachStream { stream in
      guard let call = stream.handler as? ServerCall, call.isAnswerQueued(stream) else { return }
      isAnyQueued = true
      call.expectProgress(stream)
    }
    if isAnyQueued { answerQueued() }
  }

  // MARK: Stopping

  /// Sends the client away when it has had no stream since this was last called.
  func closeIfUnused() {
    loop.assertInEventLoop()
    guard let handler else { return }
    if handler.liveStreamCount == 0, !wasUsed { return handler.beginGracefulShutdown() }
    wasUsed = handler.liveStreamCount > 0
  }

  func beginGracefulShutdown() {
    loop.assertInEventLoop()
    handler?.beginGracefulShutdown()
    endUnfinishedRequests()
  }

  /// Requests whose clients do not go on must not hold up the stop; those that begin now neither.
  private func endUnfinishedRequests() {
    loop.assumeIsolated().scheduleTask(in: .seconds(Limits.unfinishedRequests_s)) {
      guard let handler = self.handler else { return }
      handler.forEachStream { ($0.handler as? ServerCall)?.endUnfinishedRequest() }
      self.endUnfinishedRequests()
    }
  }

  func close() {
    loop.assertInEventLoop()
    handler?.close(.cancel)
  }

  var liveStreams: Int {
    loop.assertInEventLoop()
    return handler?.liveStreamCount ?? 0
  }
}
