import CNGHTTP2
import NIOCore

extension HTTP2Session {
  /// Takes bytes from the peer and collects events; `dispatch` must follow. False when the connection is broken: send
  /// what is left and close.
  func receive(_ bytes: ByteBuffer) -> Bool {
    precondition(!isInsideLibrary && !isDispatching, "receive may not be nested")
    guard let library, !isTerminated else { return false }
    input = bytes
    isInsideLibrary = true
    let result = bytes.withUnsafeReadableBytes { bytes -> Int in
      guard let base = bytes.baseAddress else { return 0 }
      inputBase = base
      return lifeecho_session_receive(library, base.assumingMemoryBound(to: UInt8.self), bytes.count)
    }
    isInsideLibrary = false
    inputBase = nil
    input = ByteBuffer()
    creditConnection()
    if result < 0 {
      breach(.library, result == Int(NGHTTP2_ERR_FLOODED.rawValue) ? .enhanceYourCalm : .protocolError)
    }
    applyTermination()
    return result >= 0 && !isTerminated
  }

  func applyTermination() {
    guard let code = pendingTermination else { return }
    pendingTermination = nil
    terminate(code)
  }

  // MARK: Callbacks. They collect; they never call out.

  /// The stream's object, from nghttp2's table.
  @inline(__always)
  func stream(id: Int32) -> Unmanaged<HTTP2Stream>? {
    if let lookedUp, lookedUp.id == id { return lookedUp.stream }
    guard let found = nghttp2_session_get_stream_user_data(library, id) else { return nil }
    let stream = Unmanaged<HTTP2Stream>.fromOpaque(found)
    lookedUp = (id, stream)
    return stream
  }

  func beganHeaders(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
    headerBuilder.reset()
    let id = frame.pointee.hd.stream_id
    guard role == .server, frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST else {
      headerStream = stream(id: id)
      return 0
    }
    let stream = HTTP2Stream(id: id, session: self)
    link(stream)
    let reference = Unmanaged.passUnretained(stream)
    headerStream = reference
    return nghttp2_session_set_stream_user_data(library, id, reference.toOpaque())
  }

  @inline(__always)
  func receivedHeader(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) -> Int32 {
    let admitted = headerBuilder.admit(
      nameCount: name.count, valueCount: value.count, size_bytes: headerList_bytes,
      fields: configuration.headerFields)
    guard admitted else {
      // nghttp2 skips the rest of the block and resets the stream; the connection lives.
      breach(.headerList, nil)
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
    }
    headerBuilder.append(name: name, value: value)
    return 0
  }

  func receivedData(streamID id: Int32, _ bytes: UnsafePointer<UInt8>, count: Int) -> Int32 {
    emptyDataFramesInARow = 0
    guard let reference = stream(id: id) else {
      arrived(count, for: nil)
      return 0
    }
    return reference._withUnsafeGuaranteedRef { stream in
      guard stream.flags.isDisjoint(with: [.resetSubmitted, .closed]) else {
        arrived(count, for: nil)
        return 0
      }
      arrived(count, for: stream)
      guard let base = inputBase else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
      let offset = UnsafeRawPointer(bytes) - base
      guard offset >= 0,
        let piece = input.getSlice(at: input.readerIndex + offset, length: count)
      else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
      stream.pendingData.append(piece)
      markReady(stream)
      return 0
    }
  }

  func receivedFrame(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
    let header = frame.pointee.hd
    switch UInt32(header.type) {
    case NGHTTP2_DATA.rawValue:
      let ends = header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
      if ends, let stream = stream(id: header.stream_id) { endedRemotely(stream) }
      if !ends, header.length <= frame.pointee.data.padlen { receivedEmptyData() }
    case NGHTTP2_HEADERS.rawValue:
      receivedHeaderBlock(ends: header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0)
    case NGHTTP2_RST_STREAM.rawValue:
      receivedReset(header.stream_id)
    case NGHTTP2_SETTINGS.rawValue:
      if header.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) == 0 { receivedSettings() }
    case NGHTTP2_PING.rawValue:
      receivedPing(frame.pointee.ping, isAcknowledgement: header.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0)
    case NGHTTP2_GOAWAY.rawValue:
      hasGoAway = true
      let goAway = frame.pointee.goaway
      pendingGoAway = (goAway.last_stream_id, HTTP2ErrorCode(rawValue: goAway.error_code))
    default: break
    }
    return 0
  }

  private func receivedHeaderBlock(ends: Bool) {
    guard let reference = headerStream else { return }
    headerStream = nil
    reference._withUnsafeGuaranteedRef { stream in
      if stream.flags.isDisjoint(with: [.headersPending, .headersDelivered]) {
        let block = headerBuilder.build()
        guard role == .server || !block.isInterimResponse else { return }
        stream.headers = block
        stream.flags.insert(.headersPending)
      } else {
        stream.pendingTrailers = headerBuilder.build()
        stream.flags.insert(.trailersPending)
      }
      if ends { stream.flags.insert(.remoteEnded) }
      markReady(stream)
    }
  }

  private func endedRemotely(_ reference: Unmanaged<HTTP2Stream>) {
    reference._withUnsafeGuaranteedRef { stream in
      stream.flags.insert(.remoteEnded)
      markReady(stream)
    }
  }

  /// Rapid reset makes a server work for requests that no longer count as open. A client's own streams, and those that
  /// ended or were answered before the reset came, are another matter: whoever cancels, cancels those.
  private func receivedReset(_ id: Int32) {
    guard role == .server, let stream = stream(id: id) else { return }
    let isAnswered = stream._withUnsafeGuaranteedRef { $0.flags.contains(.headersSent) }
    if !isAnswered, !resetsReceived.take(now_s: clock_s()) { breach(.resetsReceived, .enhanceYourCalm) }
  }

  private func receivedEmptyData() {
    emptyDataFramesInARow += 1
    if emptyDataFramesInARow > configuration.emptyDataFramesInARow { breach(.emptyData, .enhanceYourCalm) }
  }

  private func receivedSettings() {
    if !hasPeerSettings {
      hasPeerSettings = true
      isReadyPending = true
    } else if !controlFrames.take(now_s: clock_s()) {
      breach(.controlFrames, .enhanceYourCalm)
    }
  }

  private func receivedPing(_ ping: nghttp2_ping, isAcknowledgement: Bool) {
    if isAcknowledgement {
      let opaque = withUnsafeBytes(of: ping.opaque_data) { UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)) }
      // nghttp2 does not match them to our PINGs, so a flood of them counts too.
      if pendingPings.count < 16 { pendingPings.append(opaque) }
    }
    if hasSentSincePing {
      hasSentSincePing = false
    } else if !controlFrames.take(now_s: clock_s()) {
      breach(.controlFrames, .enhanceYourCalm)
    }
  }

  func closedStream(id: Int32, _ code: HTTP2ErrorCode) -> Int32 {
    guard let reference = stream(id: id) else { return 0 }
    let stream = reference.takeUnretainedValue()
    if headerStream?.toOpaque() == reference.toOpaque() { headerStream = nil }
    return closeLive(stream, code)
  }

  /// Ends a live stream.
  func closeLive(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) -> Int32 {
    guard !stream.flags.contains(.closed) else { return 0 }
    lookedUp = nil
    markClosed(stream, code)
    stream.session = nil
    unlink(stream).release()
    abandonUnread(of: stream)
    return 0
  }
}

extension HeaderBlock {
  /// A response head with a 1xx status: another head follows.
  fileprivate var isInterimResponse: Bool {
    withValue(.status) { $0.count == 3 && $0.first == UInt8(ascii: "1") } ?? false
  }
}
