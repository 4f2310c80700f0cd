import NIOCore

extension WebSocketSession {
  /// Appends a message to `output`. Returns the payload when it is long: it is then to be sent right after `output`
  /// instead of being copied into it. Nothing happens once the session is closing.
  mutating func send(
    _ opcode: Opcode, _ payload: ByteBuffer, into output: inout ByteBuffer, workspace: SessionWorkspace,
    now_s: UInt32
  ) -> ByteBuffer? {
    guard state == .open else { return nil }
    if let deflate, settings.configuration.compresses(payload.readableBytes),
      sendCompressed(opcode, payload, deflate, into: &output, workspace: workspace, now_s: now_s)
    {
      return nil
    }
    if role == .server, payload.readableBytes >= Limits.separatePayload_bytes {
      FrameHeader.write(opcode, length: payload.readableBytes, mask: nil, into: &output)
      return payload
    }
    write(opcode, payload, into: &output, workspace: workspace)
    return nil
  }

  /// Appends a ping; its answer comes as `.pong` with the same number.
  mutating func ping(_ number: UInt64, into output: inout ByteBuffer, workspace: SessionWorkspace) {
    guard state == .open else { return }
    write(.ping, ByteBuffer(integer: number), into: &output, workspace: workspace)
  }

  func write(
    _ opcode: Opcode, isCompressed: Bool = false, _ payload: ByteBuffer, into output: inout ByteBuffer,
    workspace: SessionWorkspace
  ) {
    let count = payload.readableBytes
    let mask = role == .client ? workspace.maskingKey() : nil
    FrameHeader.write(opcode, isCompressed: isCompressed, length: count, mask: mask, into: &output)
    guard let mask else {
      payload.withUnsafeReadableBytes { _ = output.writeBytes($0) }
      return
    }
    payload.withUnsafeReadableBytes { source in
      _ = output.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
        if let source = source.baseAddress, let target = target.baseAddress, count > 0 {
          Masking.apply(mask, offset: 0, from: source, to: target, count: count)
        }
        return count
      }
    }
  }

  /// A code that must not be on the wire becomes an empty close frame; a long reason is cut between characters.
  func writeClose(
    _ code: WebSocketCloseCode, reason: String, into output: inout ByteBuffer, workspace: SessionWorkspace
  ) {
    var payload = ByteBuffer()
    if code.isValidOnWire {
      payload.writeInteger(code.rawValue)
      for character in reason.unicodeScalars {
        let next = String(character)
        guard payload.readableBytes + next.utf8.count <= Limits.controlPayload_bytes else { break }
        payload.writeString(next)
      }
    }
    write(.close, payload, into: &output, workspace: workspace)
  }

  private mutating func sendCompressed(
    _ opcode: Opcode, _ payload: ByteBuffer, _ deflate: DeflateParameters, into output: inout ByteBuffer,
    workspace: SessionWorkspace, now_s: UInt32
  ) -> Bool {
    guard let deflater = workspace.deflater(windowBits: deflate.ownWindowBits) else { return false }
    workspace.scratch.clear()
    let isDone = payload.withUnsafeReadableBytes {
      deflater.deflate($0, history: outboundHistory.bytes, into: &workspace.scratch)
    }
    // Sent as it is, a message is no part of the window either: a text may be a little longer compressed, since the
    // next ones will resemble it.
    let isInvestment = opcode == .text && deflate.ownTakeover
    let allowed = payload.readableBytes + (isInvestment ? Limits.deflateInvestment_bytes : -1)
    guard isDone, workspace.scratch.readableBytes <= allowed else { return false }
    write(opcode, isCompressed: true, workspace.scratch, into: &output, workspace: workspace)
    if deflate.ownTakeover {
      let window_bytes = 1 << Int(deflate.ownWindowBits)
      payload.withUnsafeReadableBytes { outboundHistory.append($0, window_bytes: window_bytes) }
      compressed_s = max(1, now_s)
    }
    return true
  }
}

extension WebSocketConfiguration {
  /// Whether a message of this length is worth compressing, and short enough not to hold up the loop.
  func compresses(_ count: Int) -> Bool {
    guard let deflate else { return false }
    return count >= deflate.threshold_bytes && count <= deflate.ceiling_bytes
  }
}
