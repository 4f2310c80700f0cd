package import NIOCore

extension TLSHandler {
  package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    let bytes = unwrapOutboundIn(data)
    switch phase {
    case .open where flags.contains(.sentClose):
      promise?.fail(ChannelError.outputClosed)
    case .open:
      pending.append(bytes, promise)
    case .idle, .handshaking:
      guard pending.byteCount + bytes.readableBytes <= Limits.earlyWrites_bytes else {
        promise?.fail(TLSError(.limit, "more than \(Limits.earlyWrites_bytes) bytes before the handshake is done"))
        return
      }
      pending.append(bytes, promise)
    case .closing, .failed, .closed:
      promise?.fail(ChannelError.ioOnClosedChannel)
    }
  }

  package func flush(context: ChannelHandlerContext) {
    pending.markFlushed()
    if phase == .open { encryptFlushed(context) }
  }

  /// Encrypts what was flushed and hands it to the socket.
  func encryptFlushed(_ context: ChannelHandlerContext) {
    guard let session, let loop, let taken = pending.takeFlushed() else { return }
    var output = loop.takeCiphertext()
    var promise = taken.first.promise
    let outcome: TLSSession.Outcome
    if taken.rest.isEmpty {
      var bytes = taken.first.bytes
      output.clear(minimumCapacity: ciphertextCapacity(bytes.readableBytes))
      outcome = encrypt(&bytes, &output, session, context)
    } else {
      outcome = encryptJoined(taken.first, taken.rest, &output, session, loop, context)
      // What is handed over last is sent last, so one promise speaks for all.
      for write in taken.rest {
        guard let another = write.promise else { continue }
        if let promise { promise.futureResult.cascade(to: another) } else { promise = another }
      }
    }
    if case .failed(let error) = outcome {
      loop.ciphertext = output
      promise?.fail(error)
      return fail(error, context)
    }
    send(&output, context, promise)
    loop.ciphertext = output
    context.flush()
  }

  /// Short writes of one flush share a record; long ones are encrypted where they are.
  private func encryptJoined(
    _ first: PendingWrites.Write, _ rest: ArraySlice<PendingWrites.Write>, _ output: inout ByteBuffer,
    _ session: TLSSession, _ loop: TLSLoop, _ context: ChannelHandlerContext
  ) -> TLSSession.Outcome {
    var joined = loop.joined
    loop.joined = ByteBuffer()
    joined.clear(minimumCapacity: Limits.record_bytes)
    output.clear(minimumCapacity: ciphertextCapacity(Limits.record_bytes))
    defer { loop.joined = joined }
    for write in [first] + rest {
      var bytes = write.bytes
      let isLong = bytes.readableBytes >= Limits.joinedWrite_bytes
      if isLong || joined.readableBytes + bytes.readableBytes > Limits.record_bytes {
        let outcome = encrypt(&joined, &output, session, context)
        guard outcome == .done else { return outcome }
        joined.clear()
      }
      if isLong {
        let outcome = encrypt(&bytes, &output, session, context)
        guard outcome == .done else { return outcome }
      } else {
        joined.writeBuffer(&bytes)
      }
    }
    return encrypt(&joined, &output, session, context)
  }

  /// Appends to `output`, and sends it whenever it is full. The result is `done` or `failed`.
  private func encrypt(
    _ plaintext: inout ByteBuffer, _ output: inout ByteBuffer, _ session: TLSSession, _ context: ChannelHandlerContext
  ) -> TLSSession.Outcome {
    var outcome = session.write(&plaintext, &output)
    while outcome == .outputFull {
      send(&output, context)
      output.clear(minimumCapacity: ciphertextCapacity(plaintext.readableBytes))
      outcome = session.write(&plaintext, &output)
    }
    if case .failed = outcome { return outcome }
    // libssl wants input only for a renegotiation, which is off.
    return outcome == .done ? .done : .failed(TLSError(.failed, "the connection cannot be written to"))
  }

  private func ciphertextCapacity(_ plaintext_bytes: Int) -> Int {
    let records = plaintext_bytes / Limits.record_bytes + 1
    return min(Limits.piece_bytes, plaintext_bytes + records * Limits.recordOverhead_bytes)
  }

  /// Writes `output` to the socket (not flushed) and leaves it empty. Without bytes only the promise goes down.
  func send(_ output: inout ByteBuffer, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>? = nil) {
    guard output.readableBytes > 0 else {
      if let promise { context.write(wrapOutboundOut(ByteBuffer()), promise: promise) }
      return
    }
    if output.readableBytes < Limits.sharedPiece_bytes {
      context.write(wrapOutboundOut(ByteBuffer(buffer: output)), promise: promise)
      output.clear()
    } else {
      context.write(wrapOutboundOut(output), promise: promise)
      output = ByteBuffer()
    }
  }
}
