import CNGHTTP2
import NIOCore

extension HTTP2Session {
  // MARK: Submitting. Allowed at any time, callbacks included; nothing is sent before `gather`.

  func submitHeaders(of stream: HTTP2Stream, _ fields: HeaderFields, endStream: Bool) {
    guard let library else { return }
    stream.flags.insert(.headersSent)
    if endStream { stream.flags.insert(.finishing) }
    let code = fields.withFields { fields, count in
      endStream
        ? lifeecho_submit_final_headers(library, stream.id, fields, count)
        : lifeecho_submit_response(library, stream.id, fields, count, pointer(to: stream), readOutbound)
    }
    // Without it, streams are served strictly one after another and one that is always ready starves the rest.
    if code == 0, !endStream, role == .server { _ = lifeecho_session_share_fairly(library, stream.id) }
    if code != 0 { submitReset(of: stream, .internalError) }
    requestFlush()
  }

  /// Client: opens a stream.
  func open(
    _ fields: HeaderFields, endStream: Bool, handler: any HTTP2StreamHandler
  ) throws(HTTP2Error) -> HTTP2Stream {
    precondition(role == .client, "only a client opens streams")
    guard let library, !isTerminated, !hasGoAway else { throw .connectionClosing }
    let limit = min(peerConcurrentStreams, configuration.maxConcurrentStreams)
    guard liveCount < limit else { throw .tooManyStreams(limit: limit) }
    let stream = HTTP2Stream(id: 0, session: self)
    stream.handler = handler
    stream.flags = endStream ? [.headersSent, .finishing] : [.headersSent]
    let id = fields.withFields { fields, count in
      lifeecho_submit_request(library, fields, count, pointer(to: stream), endStream ? nil : readOutbound)
    }
    guard id > 0 else {
      throw id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE.rawValue ? .streamIdentifiersExhausted : .library(code: id)
    }
    stream.id = id
    link(stream)
    requestFlush()
    return stream
  }

  /// The stream has more to send or may end.
  func resumeSending(_ stream: HTTP2Stream) {
    guard let library else { return }
    if stream.flags.contains(.deferred) {
      stream.flags.remove(.deferred)
      _ = nghttp2_session_resume_data(library, stream.id)
    }
    requestFlush()
  }

  func submitReset(of stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
    guard let library, !stream.flags.contains(.closed) else { return }
    stream.flags.insert(.resetSubmitted)
    stream.closeCode = code
    stream.outbound.removeAll()
    stream.outboundTrailers = nil
    let wireCode = code.isWireCode ? code.rawValue : HTTP2ErrorCode.cancel.rawValue
    _ = nghttp2_submit_rst_stream(library, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream.id, wireCode)
    requestFlush()
  }

  func submitPing(_ opaque: UInt64) {
    guard let library, !isTerminated else { return }
    withUnsafeBytes(of: opaque.bigEndian) { bytes in
      _ = nghttp2_submit_ping(
        library, UInt8(NGHTTP2_FLAG_NONE.rawValue), bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
    }
    requestFlush()
  }

  /// First step of a graceful stop (server): GOAWAY with the highest id; new streams are still served.
  func submitShutdownNotice() {
    guard let library, !isTerminated, role == .server else { return }
    _ = nghttp2_submit_shutdown_notice(library)
    requestFlush()
  }

  /// Last step of a graceful stop: GOAWAY with the last id that was processed; open streams go on.
  func submitFinalGoAway() {
    guard let library, !isTerminated else { return }
    hasGoAway = true
    _ = nghttp2_submit_goaway(
      library, UInt8(NGHTTP2_FLAG_NONE.rawValue), nghttp2_session_get_last_proc_stream_id(library),
      HTTP2ErrorCode.noError.rawValue, nil, 0)
    requestFlush()
  }

  @inline(__always)
  private func pointer(to stream: HTTP2Stream) -> UnsafeMutableRawPointer {
    Unmanaged.passUnretained(stream).toOpaque()
  }

  // MARK: Gathering

  enum Gathered {
    /// Everything that may be sent now was gathered.
    case everything
    /// The buffer is full; there is more.
    case more
    /// nghttp2 failed: close.
    case failed
  }

  /// Appends frames to `buffer` until there are none or about `Limits.gatheredWrite_bytes` are in it. `dispatch` must
  /// follow: streams end and become writable here.
  func gather(into buffer: inout ByteBuffer) -> Gathered {
    precondition(!isInsideLibrary, "gather may not be nested")
    guard let library else { return .everything }
    applyTermination()
    isInsideLibrary = true
    var outcome = Gathered.more
    let capacity = Limits.gatheredWrite_bytes + Limits.framePiece_bytes
    buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: capacity) { target in
      var total = 0
      while total < Limits.gatheredWrite_bytes {
        var frame: UnsafePointer<UInt8>?
        let count = lifeecho_session_send(library, &frame)
        guard count > 0, let frame, let start = target.baseAddress else {
          outcome = count < 0 ? .failed : .everything
          break
        }
        precondition(count <= target.count - total, "nghttp2 produced a piece larger than its frame buffer")
        (start + total).copyMemory(from: frame, byteCount: count)
        total += count
      }
      return total
    }
    isInsideLibrary = false
    creditConnection()
    applyTermination()
    return outcome
  }

  // MARK: Callbacks

  func sentFrame(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
    let header = frame.pointee.hd
    switch UInt32(header.type) {
    case NGHTTP2_DATA.rawValue, NGHTTP2_HEADERS.rawValue:
      hasSentSincePing = true
      let ends = header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
      if ends, role == .server { endedLocally(header.stream_id) }
    case NGHTTP2_RST_STREAM.rawValue:
      sentReset(header.stream_id)
    case NGHTTP2_GOAWAY.rawValue:
      // Not ours: nghttp2 found a connection error.
      if frame.pointee.goaway.error_code != HTTP2ErrorCode.noError.rawValue, !isTerminated {
        isTerminated = true
        breach(.library, nil)
      }
    default: break
    }
    return 0
  }

  /// RFC 9113 §8.1: a complete response to an incomplete request is followed by RST_STREAM(NO_ERROR). Submitting it
  /// any earlier than now would drop the trailers.
  private func endedLocally(_ id: Int32) {
    guard let reference = stream(id: id) else { return }
    reference._withUnsafeGuaranteedRef { stream in
      guard !stream.flags.contains(.remoteEnded) else { return }
      stream.flags.insert(.resetSubmitted)
      _ = nghttp2_submit_rst_stream(
        library, UInt8(NGHTTP2_FLAG_NONE.rawValue), id, HTTP2ErrorCode.noError.rawValue)
    }
  }

  /// Counts the resets that nghttp2 decided on: the peer provoked them.
  private func sentReset(_ id: Int32) {
    let isOurs = stream(id: id)?._withUnsafeGuaranteedRef { $0.flags.contains(.resetSubmitted) } ?? false
    if !isOurs, !streamErrors.take(now_s: clock_s()) { breach(.streamErrors, .enhanceYourCalm) }
  }

  /// A request that could not be sent (cancelled first, or the connection is closing) has no stream in nghttp2, so no
  /// other callback would tell.
  func failedToSendFrame(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
    guard UInt32(frame.pointee.hd.type) == NGHTTP2_HEADERS.rawValue,
      frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST
    else { return 0 }
    var candidate = liveHead
    while let stream = candidate {
      if stream.id == frame.pointee.hd.stream_id {
        let code = stream.flags.contains(.resetSubmitted) ? stream.closeCode : .refusedStream
        return closeLive(stream, code)
      }
      candidate = stream.next
    }
    return 0
  }

  /// Fills one DATA frame; the only place where trailers may be submitted, or the data before them would be dropped.
  @inline(__always)
  func fill(
    _ stream: HTTP2Stream, _ buffer: UnsafeMutablePointer<UInt8>, capacity: Int,
    _ dataFlags: UnsafeMutablePointer<UInt32>
  ) -> Int {
    let count = stream.outbound.take(into: buffer, capacity: capacity)
    let low_bytes = stream.flags.contains(.emptying) ? 0 : configuration.streamLowWatermark_bytes
    if stream.flags.contains(.aboveWatermark), stream.outbound.byteCount <= low_bytes {
      stream.flags.subtract([.aboveWatermark, .emptying])
      stream.flags.insert(.writabilityPending)
      markReady(stream)
    }
    guard stream.outbound.isEmpty else { return count }
    guard stream.flags.contains(.finishing) else {
      if count > 0 { return count }
      stream.flags.insert(.deferred)
      return Int(NGHTTP2_ERR_DEFERRED.rawValue)
    }
    dataFlags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
    guard let trailers = stream.outboundTrailers else { return count }
    stream.outboundTrailers = nil
    dataFlags.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
    let code = trailers.withFields { nghttp2_submit_trailer(library, stream.id, $0, $1) }
    return code == 0 ? count : Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
  }
}

/// The DATA source of every stream; `source.ptr` is the stream, which lives until nghttp2 has closed it.
private let readOutbound: lifeecho_read_callback = { _, _, buffer, capacity, dataFlags, source, userData in
  guard let buffer, let dataFlags, let pointer = source?.pointee.ptr, let userData else {
    return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
  }
  return Unmanaged<HTTP2Session>.fromOpaque(userData)._withUnsafeGuaranteedRef { session in
    Unmanaged<HTTP2Stream>.fromOpaque(pointer)._withUnsafeGuaranteedRef { stream in
      session.fill(stream, buffer, capacity: capacity, dataFlags)
    }
  }
}
