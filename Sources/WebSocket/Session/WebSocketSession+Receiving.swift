import NIOCore

extension WebSocketSession {
  /// Takes bytes from `input` until something has happened or all are used up. What must be answered (pong, close) is
  /// appended to `output`. Call it again until it returns nil; then all of `input` has been taken. After `.ended`
  /// nothing is read any more.
  mutating func next(
    _ input: inout ByteBuffer, output: inout ByteBuffer, workspace: SessionWorkspace, now_s: UInt32
  ) -> Event? {
    do throws(SessionViolation) {
      while state != .ended {
        if !isInFrame {
          guard try readHeader(&input, now_s: now_s) else { return nil }
        }
        if let event = try readPayload(&input, output: &output, workspace: workspace, now_s: now_s) { return event }
        if isInFrame {
          postponeAnswers(now_s: now_s)
          return nil
        }
      }
      return nil
    } catch {
      return .ended(
        fail(
          error.code, reason: error.reason.description, limit: error.limit, into: &output, workspace: workspace))
    }
  }

  // MARK: Headers

  /// False: more bytes are needed.
  private mutating func readHeader(_ input: inout ByteBuffer, now_s: UInt32) throws(SessionViolation) -> Bool {
    guard input.readableBytes > 0 else { return false }
    let held = partial.readableBytes
    if held > 0 {
      var beginning =
        input.getSlice(
          at: input.readerIndex, length: min(input.readableBytes, Limits.frameHeader_bytes - held)) ?? ByteBuffer()
      partial.writeBuffer(&beginning)
    }
    let parsed = (held > 0 ? partial : input).withUnsafeReadableBytes {
      FrameHeader.parse($0, role: role, allowsCompression: deflate != nil)
    }
    switch parsed {
    case .violation(let reason): throw SessionViolation(.protocolError, reason)
    case .needsMore:
      if held > 0 { input.moveReaderIndex(to: input.writerIndex) } else { partial.writeBuffer(&input) }
      return false
    case .header(let header, let size):
      input.moveReaderIndex(forwardBy: size - held)
      if held > 0 { partial = ByteBuffer() }
      try begin(header, now_s: now_s)
      return true
    }
  }

  private mutating func begin(_ header: FrameHeader, now_s: UInt32) throws(SessionViolation) {
    frame = header
    isInFrame = true
    received_bytes = 0
    isSkipping = false
    if header.opcode.isControl {
      guard header.opcode == .close || controlTokens.take(1, settings.configuration.controlFrames, now_s: now_s) else {
        throw SessionViolation(.policyViolation, "too many pings or pongs", limit: .controlFrames)
      }
      return
    }
    if state == .closeSent {
      isSkipping = true
      return
    }
    guard (header.opcode == .continuation) == (assembly != nil) else {
      throw SessionViolation(
        .protocolError, assembly == nil ? "continuation of nothing" : "new message inside another one")
    }
    if !header.isFinal, header.length < Limits.tinyFragment_bytes {
      let tokens = header.length == 0 ? Limits.emptyFragment_tokens : 1
      guard fragmentTokens.take(tokens, settings.configuration.tinyFragments, now_s: now_s) else {
        throw SessionViolation(.policyViolation, "too many tiny fragments", limit: .tinyFragments)
      }
    }
    // What is compressed is measured as it inflates; incompressible data may even have grown a little.
    let isCompressed = header.isCompressed || assembly?.inflater != nil
    let slack = isCompressed ? settings.configuration.message_bytes / 64 + 1_024 : 0
    let before = isCompressed ? 0 : assembly?.bytes.readableBytes ?? 0
    guard header.length <= settings.configuration.message_bytes + slack - before else { throw .messageTooBig }
  }

  // MARK: Payloads

  private mutating func readPayload(
    _ input: inout ByteBuffer, output: inout ByteBuffer, workspace: SessionWorkspace, now_s: UInt32
  ) throws(SessionViolation) -> Event? {
    if frame.opcode.isControl { return try readControl(&input, output: &output, workspace: workspace) }
    let count = min(frame.length - received_bytes, input.readableBytes)
    if isSkipping {
      advance(&input, count)
      return nil
    }
    if received_bytes == 0, count == frame.length, frame.isFinal, !frame.isCompressed, assembly == nil {
      return try readWholeMessage(&input, workspace: workspace)
    }
    let assembly = try currentAssembly(workspace)
    if count > 0 {
      if assembly.inflater == nil {
        try take(count, from: input, into: assembly)
      } else {
        try inflate(count, from: input, into: assembly, workspace: workspace)
      }
    }
    advance(&input, count)
    guard !isInFrame, frame.isFinal else { return nil }
    return try finish(assembly, workspace: workspace, now_s: now_s)
  }

  private mutating func advance(_ input: inout ByteBuffer, _ count: Int) {
    input.moveReaderIndex(forwardBy: count)
    received_bytes += count
    isInFrame = received_bytes < frame.length
  }

  /// The common case: the message is one frame, and all of it is here.
  private mutating func readWholeMessage(
    _ input: inout ByteBuffer, workspace: SessionWorkspace
  ) throws(SessionViolation) -> Event {
    let message = workspace.unmasked(input, count: frame.length, key: frame.key)
    advance(&input, frame.length)
    guard frame.opcode == .text else { return .binary(message) }
    var utf8 = UTF8Validator()
    guard message.withUnsafeReadableBytes({ utf8.accepts($0) }), utf8.isComplete else { throw .notUTF8 }
    return .text(message)
  }

  private mutating func currentAssembly(_ workspace: SessionWorkspace) throws(SessionViolation) -> MessageAssembly {
    if let assembly { return assembly }
    let assembly = workspace.takeAssembly()
    assembly.opcode = frame.opcode
    self.assembly = assembly
    guard frame.isCompressed else { return assembly }
    do throws(Inflater.Failure) {
      let inflater = try workspace.takeInflater()
      assembly.inflater = inflater
      try inflater.begin(inboundHistory.bytes)
    } catch {
      throw SessionViolation(error)
    }
    return assembly
  }

  private func take(
    _ count: Int, from input: ByteBuffer, into assembly: MessageAssembly
  ) throws(SessionViolation) {
    let missing = frame.length - received_bytes
    if assembly.bytes.writableBytes < count {
      assembly.bytes.reserveCapacity(minimumWritableBytes: min(missing, max(count, Limits.reserve_bytes)))
    }
    let start = assembly.bytes.readableBytes
    let offset = received_bytes
    input.withUnsafeReadableBytes { source in
      _ = assembly.bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
        if let source = source.baseAddress, let target = target.baseAddress {
          Masking.apply(frame.key, offset: offset, from: source, to: target, count: count)
        }
        return count
      }
    }
    try validate(assembly, from: start)
  }

  private func inflate(
    _ count: Int, from input: ByteBuffer, into assembly: MessageAssembly, workspace: SessionWorkspace
  ) throws(SessionViolation) {
    guard let inflater = assembly.inflater else { return }
    var offset = 0
    while offset < count {
      let piece_bytes = min(Limits.inflatePiece_bytes, count - offset)
      workspace.scratch.clear(minimumCapacity: Limits.inflatePiece_bytes)
      input.withUnsafeReadableBytes { source in
        _ = workspace.scratch.writeWithUnsafeMutableBytes(minimumWritableBytes: piece_bytes) { target in
          if let source = source.baseAddress, let target = target.baseAddress {
            Masking.apply(
              frame.key, offset: received_bytes + offset, from: source + offset, to: target, count: piece_bytes)
          }
          return piece_bytes
        }
      }
      let start = assembly.bytes.readableBytes
      try Self.converting {
        try workspace.scratch.withUnsafeReadableBytes {
          try inflater.inflate($0, into: &assembly.bytes, limit: settings.configuration.message_bytes)
        }
      }
      try validate(assembly, from: start)
      offset += piece_bytes
    }
  }

  private mutating func finish(
    _ assembly: MessageAssembly, workspace: SessionWorkspace, now_s: UInt32
  ) throws(SessionViolation) -> Event {
    if let inflater = assembly.inflater {
      let start = assembly.bytes.readableBytes
      do throws(Inflater.Failure) {
        try inflater.finish(into: &assembly.bytes, limit: settings.configuration.message_bytes)
      } catch {
        throw SessionViolation(error)
      }
      try validate(assembly, from: start)
      if let deflate, deflate.peerTakeover {
        assembly.bytes.withUnsafeReadableBytes {
          inboundHistory.append($0, window_bytes: 1 << Int(deflate.peerWindowBits))
        }
        compressed_s = max(1, now_s)
      }
    }
    guard assembly.utf8.isComplete else { throw .notUTF8 }
    let message = assembly.bytes
    let isText = assembly.opcode == .text
    self.assembly = nil
    workspace.give(assembly)
    return isText ? .text(message) : .binary(message)
  }

  private func validate(_ assembly: MessageAssembly, from start: Int) throws(SessionViolation) {
    guard assembly.opcode == .text else { return }
    let isValid = assembly.bytes.withUnsafeReadableBytes {
      assembly.utf8.accepts(UnsafeRawBufferPointer(rebasing: $0[start...]))
    }
    guard isValid else { throw .notUTF8 }
  }

  private static func converting(_ body: () throws -> Void) throws(SessionViolation) {
    do {
      try body()
    } catch let failure as Inflater.Failure {
      throw SessionViolation(failure)
    } catch {
      throw SessionViolation(.internalError, "inflation failed")
    }
  }

  // MARK: Control frames

  private mutating func readControl(
    _ input: inout ByteBuffer, output: inout ByteBuffer, workspace: SessionWorkspace
  ) throws(SessionViolation) -> Event? {
    let count = min(frame.length - received_bytes, input.readableBytes)
    let payload: ByteBuffer
    if received_bytes == 0, count == frame.length {
      payload = workspace.unmasked(input, count: count, key: frame.key)
      advance(&input, count)
    } else {
      var piece = input.getSlice(at: input.readerIndex, length: count) ?? ByteBuffer()
      partial.writeBuffer(&piece)
      advance(&input, count)
      guard !isInFrame else { return nil }
      payload = workspace.unmasked(partial, count: frame.length, key: frame.key)
      partial = ByteBuffer()
    }
    switch frame.opcode {
    case .ping:
      if state == .open { write(.pong, payload, into: &output, workspace: workspace) }
      return nil
    case .pong: return receivedPong(payload)
    default: return .ended(try receiveClose(payload, into: &output, workspace: workspace))
    }
  }
}

extension SessionViolation {
  static var messageTooBig: Self { Self(.messageTooBig, "message too big", limit: .message) }
  static var notUTF8: Self { Self(.invalidPayload, "text is not UTF-8") }

  init(_ failure: Inflater.Failure) {
    switch failure {
    case .corrupt: self.init(.invalidPayload, "compressed data is corrupt")
    case .tooBig: self = .messageTooBig
    case .outOfMemory: self.init(.internalError, "no memory to inflate")
    }
  }
}
