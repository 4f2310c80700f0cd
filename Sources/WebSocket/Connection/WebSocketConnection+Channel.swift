package import NIOCore
import Sockets

extension WebSocketConnection: ChannelDuplexHandler {
  package typealias InboundIn = ByteBuffer
  package typealias OutboundIn = Never
  package typealias OutboundOut = ByteBuffer

  package func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    timer = loop.add(self, due_s: session.deadline_s)
  }

  package func handlerRemoved(context: ChannelHandlerContext) { disconnected() }

  package func channelInactive(context: ChannelHandlerContext) {
    disconnected()
    context.fireChannelInactive()
  }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    guard pauses == 0, held.readableBytes == 0, !isReading else {
      held.writeBuffer(&bytes)
      return loop.readBuffer.giveBack(bytes)
    }
    receive(&bytes)
    if bytes.readableBytes > 0 { held.writeBuffer(&bytes) }
    loop.readBuffer.giveBack(bytes)
  }

  package func channelReadComplete(context: ChannelHandlerContext) {
    if hasOutput { flush() }
    context.fireChannelReadComplete()
  }

  package func channelWritabilityChanged(context: ChannelHandlerContext) {
    // While flushing, the flush itself goes on and reports at its end.
    if !isFlushing {
      if context.channel.isWritable { flush() } else { reportWritability() }
    }
    context.fireChannelWritabilityChanged()
  }

  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // A socket or TLS error: nothing can be sent any more.
    context.close(promise: nil)
  }

  package func read(context: ChannelHandlerContext) {
    if pauses > 0 { isReadRequested = true } else { context.read() }
  }

  private var hasOutput: Bool { outgoing.readableBytes > 0 || hasUnflushed || !backlog.isEmpty }

  // MARK: Receiving

  private func receive(_ bytes: inout ByteBuffer) {
    guard session.state != .ended else { return bytes.clear() }
    isReading = true
    defer { isReading = false }
    while pauses == 0,
      let event = session.next(&bytes, output: &outgoing, workspace: loop.workspace, now_s: loop.now_s)
    {
      deliver(event)
    }
    if session.state == .ended { bytes.clear() }
  }

  private func deliver(_ event: WebSocketSession.Event) {
    switch event {
    case .text(let text): handler?.receivedText(text)
    case .binary(let bytes): handler?.receivedBinary(bytes)
    case .pong(let number): handler?.receivedPong(number)
    case .ended(let ending): finish(ending)
    }
  }

  /// The pauses are over: first what was kept, then the socket.
  func resume() {
    isResumeScheduled = false
    guard pauses == 0, context != nil else { return }
    if held.readableBytes > 0 {
      var bytes = held
      held = ByteBuffer()
      receive(&bytes)
      if bytes.readableBytes > 0 { held.writeBuffer(&bytes) }
      flush()
    }
    guard pauses == 0, isReadRequested, let context else { return }
    isReadRequested = false
    context.read()
  }

  // MARK: The end

  /// The session is over: its last frame goes out, then the socket is closed. After a failure the peer may still be
  /// sending; that is thrown away for a while instead of being answered with a reset.
  func finish(_ ending: WebSocketSession.Ending) {
    guard let context, !isFinished else { return }
    isFinished = true
    // Nothing may follow our close frame.
    backlog = []
    backlog_bytes = 0
    if pauses > 0 {
      pauses = 0
      held = ByteBuffer()
      if isReadRequested {
        isReadRequested = false
        context.read()
      }
    }
    if let limit = ending.limit { loop.limitReached(limit) }
    flush()
    report(ending)
    guard self.context != nil else { return }
    loop.schedule(timer, due_s: loop.now_s &+ UInt32(Limits.linger_s))
    if ending.isClean, session.role == .server {
      closeAfterWriting(context)
    } else if session.role == .server || !ending.isClean {
      context.close(mode: .output, promise: nil)
    }
  }

  /// Closes when the socket has taken everything, or when the linger time is over.
  private func closeAfterWriting(_ context: ChannelHandlerContext) {
    guard !isDisconnected else { return }
    let channel = context.channel
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.whenComplete { _ in channel.close(promise: nil) }
    context.writeAndFlush(NIOAny(ByteBuffer()), promise: written)
  }

  private func report(_ ending: WebSocketSession.Ending) {
    closeReason = ending.reason
    guard let handler else { return }
    self.handler = nil
    handler.closed(code: ending.code, isClean: ending.isClean)
  }

  func disconnected() {
    guard context != nil, !isDisconnected else { return }
    isDisconnected = true
    settle()
    deliverHeld()
    guard context != nil else { return }
    context = nil
    isFinished = true
    loop.remove(timer)
    outgoing = ByteBuffer()
    backlog = []
    backlog_bytes = 0
    held = ByteBuffer()
    if let ending = session.connectionLost(workspace: loop.workspace) { report(ending) }
    loop.counts?.release(addressKey, isUpgraded: true)
  }

  /// The socket ended while reading was paused: what had arrived before counts, a close frame above all.
  private func deliverHeld() {
    guard held.readableBytes > 0, !isReading else { return }
    pauses = 0
    var bytes = held
    held = ByteBuffer()
    receive(&bytes)
  }
}

extension WebSocketConnection: LoopEntry {
  func deadlineReached(now_s: UInt32) {
    guard let context else { return }
    guard !isFinished else { return context.close(promise: nil) }
    let isTaking = isTakingOutput()
    if pauses > 0 || isTaking { session.postponeAnswers(now_s: now_s) }
    if let ending = session.tick(into: &outgoing, workspace: loop.workspace, now_s: now_s) { return finish(ending) }
    if outgoing.readableBytes > 0 { flush() }
    loop.schedule(timer, due_s: session.deadline_s)
  }

  /// Whether the peer took something of what waited for it at the deadline before: on a slow line a ping waits behind
  /// that for longer than a pong may take.
  private func isTakingOutput() -> Bool {
    let progress = outputProgress
    defer { progressAtDeadline = progress }
    return progressAtDeadline.hasMore && progress.isBeyond(progressAtDeadline)
  }

  func drain(_ code: WebSocketCloseCode, reason: String) { close(code, reason: reason) }
}
