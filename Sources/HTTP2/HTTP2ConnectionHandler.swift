package import NIOCore
import Sockets

/// The shell around one session: moves bytes between a channel and `HTTP2Session`, and keeps its timers.
///
/// Loop-confined: create it in the channel's initializer (`install`), call it on the channel's event loop.
package final class HTTP2ConnectionHandler: ChannelDuplexHandler {
  package typealias InboundIn = ByteBuffer
  package typealias OutboundIn = Never
  package typealias OutboundOut = ByteBuffer

  package let role: HTTP2Role
  package let configuration: HTTP2Configuration
  /// Runs the tasks of this connection; its `eventLoop` is the connection's.
  package let executor: LoopExecutor

  /// The channel's last error: of the socket, or of TLS below.
  package private(set) var channelError: (any Error)?

  let session: HTTP2Session
  private var delegate: (any HTTP2ConnectionDelegate)?
  private var context: ChannelHandlerContext?
  /// On the executor's list of dirty connections.
  private var isDirty = false
  private var isFlushing = false
  private var isReadPaused = false
  private var isReadRequested = false
  private var isClosing = false
  private var deferredInput: [ByteBuffer] = []
  private var isActivated = false
  private var prefaceTimeout: Scheduled<Void>?
  private var shutdown = GracefulShutdown()
  private var shutdownTimeout: Scheduled<Void>?
  private var closeTimeout: Scheduled<Void>?

  package init(
    role: HTTP2Role, configuration: HTTP2Configuration, executor: LoopExecutor, delegate: any HTTP2ConnectionDelegate
  ) throws(HTTP2Error) {
    self.role = role
    self.configuration = configuration
    self.delegate = delegate
    self.executor = executor
    let eventLoop = executor.eventLoop
    session = try HTTP2Session(role: role, configuration: configuration) {
      eventLoop.now.uptimeNanoseconds / 1_000_000_000
    }
    session.owner = self
  }

  // MARK: For the user

  /// The connection's channel; nil once it is gone.
  package var channel: (any Channel)? { context?.channel }
  /// Open streams.
  package var liveStreamCount: Int { session.liveCount }
  /// Streams that may be opened now; 0 when the connection is going away.
  package var availableStreamCount: Int {
    guard !session.isTerminated, !session.hasGoAway else { return 0 }
    return max(0, min(session.peerConcurrentStreams, configuration.maxConcurrentStreams) - session.liveCount)
  }
  /// Whether the peer's SETTINGS have arrived.
  package var isReady: Bool { session.hasPeerSettings }
  /// Whether the socket is not read because the peer does not take our answers.
  package var isReadingPaused: Bool { isReadPaused }

  /// Calls `body` with each open stream. It may reset them.
  package func forEachStream(_ body: (HTTP2Stream) -> Void) {
    var next = session.liveHead
    while let stream = next {
      next = stream.next
      body(stream)
    }
  }

  /// Client: opens a stream and queues its head. Its events go to `handler`. Streams opened in one turn leave in one
  /// write.
  package func openStream(
    headers: HeaderFields, endStream: Bool, handler: any HTTP2StreamHandler
  ) throws(HTTP2Error) -> HTTP2Stream {
    try session.open(headers, endStream: endStream, handler: handler)
  }

  /// Sends a PING; `pingAcknowledged` follows.
  package func ping(_ opaque: UInt64) { session.submitPing(opaque) }

  /// Stops taking new streams without breaking any (RFC 9113 §6.8): server: shutdown notice and PING, on its
  /// acknowledgement or after a second the final GOAWAY; that at once to a peer that has not said a word. Closes the channel
  /// when the last stream has ended.
  package func beginGracefulShutdown() {
    guard let context, shutdown.begin() else { return }
    guard role == .server, session.hasPeerSettings else { return finishShutdownNotice() }
    session.submitShutdownNotice()
    session.submitPing(GracefulShutdown.ping)
    shutdownTimeout = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(configuration.shutdownNotice_s)) {
      self.finishShutdownNotice()
    }
  }

  /// Ends the connection now: GOAWAY with `code`, open streams are closed with `.connectionLost`.
  package func close(_ code: HTTP2ErrorCode = .noError) {
    session.terminate(code)
    lastWords()
  }

  // MARK: Channel events

  package func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if context.channel.isActive { activate() }
  }

  package func handlerRemoved(context: ChannelHandlerContext) { disconnected() }

  package func channelActive(context: ChannelHandlerContext) {
    activate()
    context.fireChannelActive()
  }

  package func channelInactive(context: ChannelHandlerContext) {
    disconnected()
    context.fireChannelInactive()
  }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = executor.readBuffer.received(unwrapInboundIn(data), copied_bytes: Limits.copiedRead_bytes)
    guard !session.isDispatching, deferredInput.isEmpty else { return deferInput(bytes, context) }
    session.isFlushDue = true
    executor.runningTasks { receive(bytes) }
    session.endInput()
    executor.readBuffer.giveBack(bytes)
  }

  package func channelReadComplete(context: ChannelHandlerContext) {
    if executor.hasJobs {
      // Tasks run before the loop looks at its sockets again; what they answer goes into the same write.
      session.isFlushDue = false
      sessionNeedsFlush()
    } else {
      flush()
    }
    context.fireChannelReadComplete()
  }

  package func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { flush() }
    context.fireChannelWritabilityChanged()
  }

  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // Of the socket, or of TLS: nothing can be sent any more.
    channelError = error
    context.close(promise: nil)
  }

  package func read(context: ChannelHandlerContext) {
    if isReadPaused { isReadRequested = true } else { context.read() }
  }

  // MARK: Receiving

  private func receive(_ bytes: ByteBuffer) {
    let isHealthy = session.receive(bytes)
    session.dispatch()
    if !isHealthy { lastWords() }
    checkOutboundBound()
  }

  /// A handler's call made the pipeline deliver bytes at once (a TLS handler may); they wait for their turn.
  private func deferInput(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
    deferredInput.append(bytes)
    guard deferredInput.count == 1 else { return }
    context.eventLoop.assumeIsolated().execute {
      let inputs = self.deferredInput
      self.deferredInput = []
      for bytes in inputs where self.context != nil { self.receive(bytes) }
      self.session.endInput()
      self.flush()
    }
  }

  // MARK: Flushing

  /// Sends what may be sent: gathered into one buffer per write, as long as the channel is writable.
  private func flush() {
    guard let context, !isFlushing else { return }
    isFlushing = true
    session.isFlushDue = true
    var outcome = HTTP2Session.Gathered.more
    var rounds = 0
    while context.channel.isWritable, rounds < Limits.writesPerFlush, outcome == .more || session.hasOutput {
      rounds += 1
      executor.gatherBuffer.clear()
      outcome = session.gather(into: &executor.gatherBuffer)
      writeGathered(context)
      session.dispatch()
      if outcome == .failed { break }
    }
    isFlushing = false
    session.isFlushDue = false
    if rounds == Limits.writesPerFlush { sessionNeedsFlush() }
    resumeReadingIfPossible()
    if outcome == .failed || session.isFinished { closeAfterWriting() }
  }

  private func writeGathered(_ context: ChannelHandlerContext) {
    let count = executor.gatherBuffer.readableBytes
    guard count > 0 else { return }
    // A peer that does not read keeps what is written here alive: never a large buffer for a few bytes.
    let isSmall = count < Limits.sharedWrite_bytes
    let buffer = isSmall ? ByteBuffer(buffer: executor.gatherBuffer) : executor.gatherBuffer
    context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
  }

  private func checkOutboundBound() {
    guard !isReadPaused, session.outboundFrameCount > configuration.outboundFrames else { return }
    flush()
    guard session.outboundFrameCount > configuration.outboundFrames else { return }
    isReadPaused = true
    limitReached(.outboundFrames)
  }

  private func resumeReadingIfPossible() {
    guard isReadPaused, session.outboundFrameCount <= configuration.outboundFrames / 2 else { return }
    isReadPaused = false
    guard isReadRequested else { return }
    isReadRequested = false
    context?.read()
  }

  // MARK: Beginning and end

  private func activate() {
    guard !isActivated, let context else { return }
    isActivated = true
    prefaceTimeout = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(configuration.preface_s)) {
      self.prefaceTimedOut()
    }
    flush()
  }

  private func prefaceTimedOut() {
    guard !session.hasPeerSettings else { return }
    limitReached(.preface)
    close(.settingsTimeout)
  }

  private func finishShutdownNotice() {
    guard shutdown.finishNotice() else { return }
    shutdownTimeout?.cancel()
    shutdownTimeout = nil
    session.submitFinalGoAway()
  }

  /// After a fatal GOAWAY: send it, then close.
  private func lastWords() {
    flush()
    closeAfterWriting()
  }

  /// Closes the channel when the socket has taken what was written; a peer that does not read gets a second.
  private func closeAfterWriting() {
    guard let context, !isClosing else { return }
    isClosing = true
    let channel = context.channel
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.whenComplete { _ in channel.close(promise: nil) }
    context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
    guard self.context != nil else { return }
    closeTimeout = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(Limits.lastWords_s)) {
      channel.close(promise: nil)
    }
  }

  private func disconnected() {
    guard context != nil else { return }
    context = nil
    isClosing = true
    prefaceTimeout?.cancel()
    prefaceTimeout = nil
    shutdownTimeout?.cancel()
    shutdownTimeout = nil
    closeTimeout?.cancel()
    closeTimeout = nil
    session.tearDown(.connectionLost)
    session.dispatch()
    guard let delegate else { return }
    self.delegate = nil
    delegate.connectionClosed(self)
  }
}

extension HTTP2ConnectionHandler: HTTP2SessionOwner {
  func accept(_ stream: HTTP2Stream) -> any HTTP2StreamHandler {
    delegate?.accept(stream, on: self) ?? RefusingStreamHandler()
  }

  func sessionReady() {
    prefaceTimeout?.cancel()
    prefaceTimeout = nil
    delegate?.connectionReady(self)
  }

  func goAwayReceived(lastStreamID: Int32, code: HTTP2ErrorCode) {
    delegate?.goAwayReceived(self, lastStreamID: lastStreamID, code: code)
  }

  func pingAcknowledged(_ opaque: UInt64) {
    if opaque == GracefulShutdown.ping { return finishShutdownNotice() }
    delegate?.pingAcknowledged(self, opaque)
  }

  func limitReached(_ limit: HTTP2Limit) { delegate?.limitReached(self, limit) }

  func sessionNeedsFlush() {
    guard !isDirty, context != nil else { return }
    isDirty = true
    executor.markDirty(self)
  }
}

extension HTTP2ConnectionHandler: LoopFlushable {
  func flushFromLoop() {
    isDirty = false
    flush()
  }
}
