package import NIOCore

extension TLSHandler {
  package func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    switch (phase, mode) {
    case (.open, .all):
      closeAll(context, promise)
    case (.open, .output) where input.readableBytes > 0:
      // After a FIN of the peer the socket would close altogether, before these bytes have gone up.
      flags.insert(.closesOutput)
      promise?.succeed(())
    case (.open, .output):
      closeOutput(context, promise)
    case (.handshaking, .output), (.idle, .output):
      // TCP could not say it without breaking the handshake.
      flags.insert(.closesOutput)
      promise?.succeed(())
    case (.closing, _), (.failed, _):
      // Under way, within a second.
      if let promise { context.channel.closeFuture.cascade(to: promise) }
    default:
      context.close(mode: mode, promise: promise)
    }
  }

  /// What was flushed, then close_notify, then the end of the connection. The peer's close_notify is not waited for:
  /// nothing that follows could depend on it (RFC 8446 §6.1).
  func closeAll(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
    phase = .closing
    for unflushed in pending.removeAll() { unflushed.fail(ChannelError.ioOnClosedChannel) }
    if let promise { context.channel.closeFuture.cascade(to: promise) }
    closeLater(context)
    // Otherwise `outputEnded` closes.
    guard !flags.contains(.sentClose) || flags.contains(.outputEnded) else { return }
    let written = context.eventLoop.makePromise(of: Void.self)
    sendCloseNotify(context, written)
    written.futureResult.assumeIsolated().whenComplete { _ in self.closeChannel() }
  }

  /// close_notify and FIN, once the socket took what was written; the peer may go on sending.
  private func closeOutput(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
    guard !flags.contains(.sentClose) else {
      promise?.fail(ChannelError.outputClosed)
      return
    }
    pending.markFlushed()
    encryptFlushed(context)
    guard phase == .open else {
      promise?.fail(ChannelError.ioOnClosedChannel)
      return
    }
    sendCloseNotify(context, nil)
    let ended = context.eventLoop.makePromise(of: Void.self)
    ended.futureResult.cascade(to: promise)
    ended.futureResult.assumeIsolated().whenComplete { _ in self.outputEnded() }
    context.close(mode: .output, promise: ended)
  }

  private func outputEnded() {
    flags.insert(.outputEnded)
    if phase == .closing || flags.contains(.receivedClose) { closeChannel() }
  }

  private func sendCloseNotify(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
    guard let session, let loop else { return promise?.succeed(()) ?? () }
    var output = loop.takeCiphertext()
    output.clear(minimumCapacity: Limits.flight_bytes)
    if !flags.contains(.sentClose) {
      flags.insert(.sentClose)
      _ = session.close(&output)
    }
    send(&output, context, promise)
    loop.ciphertext = output
    context.flush()
  }

  /// The peer said close_notify.
  func peerClosed(_ context: ChannelHandlerContext) {
    flags.insert(.receivedClose)
    let staysHalfOpen = (try? context.channel.syncOptions?.getOption(.allowRemoteHalfClosure)) ?? false
    if staysHalfOpen { context.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
    guard phase == .open else { return }
    if flags.contains(.sentClose) {
      // What was written before may still be on its way to the socket.
      if flags.contains(.outputEnded) { closeChannel() }
    } else if !staysHalfOpen {
      closeAll(context, nil)
    }
  }

  func failTruncated(_ context: ChannelHandlerContext) {
    fail(TLSError(.truncated, "the peer ended the connection without close_notify"), context)
  }

  /// Ends a connection that cannot go on.
  ///
  /// - Parameter lingers: say the end and drop what still comes in for a while. Closing at once with unread input would
  ///   reset the connection, and take an alert with it.
  func fail(_ error: TLSError, _ context: ChannelHandlerContext, lingers: Bool = false) {
    guard phase != .failed, phase != .closed else { return }
    phase = .failed
    flags.insert(.reportedError)
    for promise in pending.removeAll() { promise.fail(error) }
    if lingers {
      closeLater(context)
    } else {
      timer?.cancel()
      timer = nil
    }
    context.fireErrorCaught(error)
    guard phase == .failed else { return }
    if lingers {
      context.close(mode: .output, promise: nil)
      context.read()
    } else {
      context.close(mode: .all, promise: nil)
    }
  }

  private func closeLater(_ context: ChannelHandlerContext) {
    timer?.cancel()
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: Limits.lastWords) { self.closeChannel() }
  }

  private func closeChannel() {
    guard phase != .closed else { return }
    context?.close(mode: .all, promise: nil)
  }

  /// The channel is gone.
  func ended() {
    guard phase != .closed else { return }
    phase = .closed
    timer?.cancel()
    timer = nil
    for promise in pending.removeAll() { promise.fail(ChannelError.ioOnClosedChannel) }
    session = nil
    loop = nil
  }
}
