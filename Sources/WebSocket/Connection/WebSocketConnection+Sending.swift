import NIOCore

extension WebSocketConnection {
  func send(_ opcode: Opcode, _ payload: ByteBuffer) {
    eventLoop.assertInEventLoop()
    guard let context, session.state == .open else { return }
    guard backlog.isEmpty, context.channel.isWritable else { return sendLater(opcode, payload) }
    if hasBuffered(moreThan: loop.settings.configuration.outboundBuffer_bytes - payload.readableBytes) {
      return outboundBufferFull()
    }
    prepareOutgoing()
    let separate = session.send(opcode, payload, into: &outgoing, workspace: loop.workspace, now_s: loop.now_s)
    rescheduleForDeflate()
    if let separate {
      writeCopyOfOutgoing(context)
      write(separate, context)
    } else if outgoing.readableBytes >= Limits.read_bytes {
      writeCopyOfOutgoing(context)
    }
    needsFlush()
  }

  /// The channel is congested, or older frames wait already.
  private func sendLater(_ opcode: Opcode, _ payload: ByteBuffer) {
    guard bufferedByteCount + payload.readableBytes <= loop.settings.configuration.outboundBuffer_bytes else {
      return outboundBufferFull()
    }
    reportWritability()
    var frame = loop.workspace.takeOutput()
    frame.clear()
    let separate = session.send(opcode, payload, into: &frame, workspace: loop.workspace, now_s: loop.now_s)
    rescheduleForDeflate()
    // A frame is one piece: a control frame may come between any two of them.
    if let separate { frame.writeImmutableBuffer(separate) }
    enqueue(frame)
    loop.workspace.give(output: frame)
    needsFlush()
  }

  /// Puts a copy of whole frames at the end of the backlog.
  func enqueue(_ frame: ByteBuffer) {
    backlog_bytes += frame.readableBytes
    if let last = backlog.indices.last, backlog[last].readableBytes < Limits.backlogPiece_bytes {
      backlog[last].writeImmutableBuffer(frame)
    } else {
      backlog.append(ByteBuffer(buffer: frame))
    }
  }

  /// The peer does not read: it is told so if it should read after all, and dropped 2 s later in any case.
  private func outboundBufferFull() {
    finish(
      session.fail(
        .tryAgainLater, reason: "client too slow", limit: .outboundBuffer, into: &outgoing,
        workspace: loop.workspace))
  }

  /// Bytes that the channel has not written to the socket yet.
  var channelBytes: Int {
    guard let options = context?.channel.syncOptions, let bytes = try? options.getOption(.bufferedWritableBytes) else {
      return 0
    }
    return bytes
  }

  private func prepareOutgoing() {
    guard outgoing.storageCapacity == 0 else { return }
    outgoing = loop.workspace.takeOutput()
    outgoing.clear()
  }

  /// The compressor's history came into being: it has a deadline from now on.
  private func rescheduleForDeflate() {
    guard session.compressed_s == loop.now_s else { return }
    loop.schedule(timer, due_s: session.deadline_s)
  }

  // MARK: Flushing

  /// Output is flushed at the end of the read burst, or of this loop turn.
  func needsFlush() {
    guard !isReading, !isDirty, context != nil else { return }
    isDirty = true
    loop.markDirty(self)
  }

  func flushFromLoop() {
    isDirty = false
    flush()
  }

  func flush() {
    guard let context, !isFlushing else { return }
    // Pongs and pings do not ask for room before.
    if outgoing.readableBytes > 0, session.state == .open, !context.channel.isWritable,
      bufferedByteCount > loop.settings.configuration.outboundBuffer_bytes
    {
      return outboundBufferFull()
    }
    isFlushing = true
    var isBuffered = true
    while isBuffered, self.context != nil {
      flushOnce(context)
      isBuffered = !backlog.isEmpty && context.channel.isWritable
    }
    isFlushing = false
    reportWritability()
  }

  /// Gives the frames of this turn and what fits of the backlog to the channel. A buffer that the channel did not get
  /// rid of at once stays with it; from then on it gets copies of the right size, so that a peer that does not read
  /// pins no more memory than it must.
  private func flushOnce(_ context: ChannelHandlerContext) {
    var buffer = ByteBuffer()
    if outgoing.readableBytes > 0 {
      swap(&buffer, &outgoing)
      if isCongested {
        let pooled = buffer
        buffer = ByteBuffer(buffer: pooled)
        loop.workspace.give(output: pooled)
      }
      write(buffer, context)
    }
    while !backlog.isEmpty, context.channel.isWritable {
      let piece = backlog.removeFirst()
      backlog_bytes -= piece.readableBytes
      write(piece, context)
    }
    guard hasUnflushed else { return }
    hasUnflushed = false
    context.flush()
    guard buffer.storageCapacity > 0 else { return }
    let wasCongested = isCongested
    isCongested = buffer.modifyIfUniquelyOwned { $0.clear() } == nil
    if !isCongested, !wasCongested { loop.workspace.give(output: buffer) }
  }

  private func writeCopyOfOutgoing(_ context: ChannelHandlerContext) {
    write(ByteBuffer(buffer: outgoing), context)
    outgoing.clear()
  }

  /// Nothing is written once the socket is gone: the handshake's handlers may then still be in the pipeline, which
  /// take no bytes.
  private func write(_ buffer: ByteBuffer, _ context: ChannelHandlerContext) {
    guard !isDisconnected else { return }
    context.write(NIOAny(buffer), promise: nil)
    hasUnflushed = true
  }

  func reportWritability() {
    guard session.state == .open, context != nil else { return }
    let isWritable = isWritable
    guard isWritable != reportedWritable else { return }
    reportedWritable = isWritable
    handler?.writabilityChanged(isWritable)
  }
}
