package import NIOCore

/// One stream of a connection, server- or client-side. Use it on the connection's event loop only.
///
/// After `HTTP2StreamHandler.closed` every call is a harmless no-op, so whoever still holds the stream need not ask.
package final class HTTP2Stream {
  struct Flags: OptionSet {
    let rawValue: UInt16
    /// A complete head waits to be delivered.
    static let headersPending = Flags(rawValue: 1 << 0)
    static let headersDelivered = Flags(rawValue: 1 << 1)
    static let trailersPending = Flags(rawValue: 1 << 2)
    /// The peer ended its side.
    static let remoteEnded = Flags(rawValue: 1 << 3)
    static let endDelivered = Flags(rawValue: 1 << 4)
    /// Our head was submitted.
    static let headersSent = Flags(rawValue: 1 << 5)
    /// Our side ends after the queue.
    static let finishing = Flags(rawValue: 1 << 6)
    /// nghttp2 waits for `resume_data`.
    static let deferred = Flags(rawValue: 1 << 7)
    /// The queue rose above the high watermark and has not fallen below the low one.
    static let aboveWatermark = Flags(rawValue: 1 << 8)
    static let writabilityPending = Flags(rawValue: 1 << 9)
    /// We submitted RST_STREAM: nothing more is sent or delivered but `closed`.
    static let resetSubmitted = Flags(rawValue: 1 << 10)
    static let closed = Flags(rawValue: 1 << 11)
    /// In the session's ready list.
    static let ready = Flags(rawValue: 1 << 12)
    /// Writable again only when the queue is empty.
    static let emptying = Flags(rawValue: 1 << 13)
    /// Its handler has pieces of the read buffer.
    static let holdsInput = Flags(rawValue: 1 << 14)
  }

  /// The stream identifier (RFC 9113 §5.1.1).
  package internal(set) var id: Int32
  /// Receives the stream's events; dropped after `closed`.
  package var handler: (any HTTP2StreamHandler)?
  /// The received head; set it to an empty block when it is no longer needed and the stream lives long.
  package var headers = HeaderBlock()

  var flags: Flags = []
  var closeCode = HTTP2ErrorCode.noError
  /// The session; nil when the stream is closed.
  unowned(unsafe) var session: HTTP2Session?
  // Links of the session's list of live streams, which owns one reference to each.
  unowned(unsafe) var previous: HTTP2Stream?
  unowned(unsafe) var next: HTTP2Stream?
  var pendingData = PendingData()
  var pendingTrailers = HeaderBlock()
  /// DATA bytes received and not yet given back to the stream's window.
  var unconsumed_bytes = 0
  var outbound = OutboundQueue()
  var outboundTrailers: HeaderFields?

  init(id: Int32, session: HTTP2Session) {
    self.id = id
    self.session = session
  }

  /// Whether the stream is over for the wire (its `closed` event may still be on the way).
  package var isClosed: Bool { flags.contains(.closed) }
  /// Whether the peer ended its side.
  package var isRemoteEnded: Bool { flags.contains(.remoteEnded) }
  /// Bytes queued and not yet handed to the connection.
  package var bufferedByteCount: Int { outbound.byteCount }
  /// False from the high watermark on, until the queue falls below the low one.
  package var isWritable: Bool { !flags.contains(.aboveWatermark) }

  /// The session while the stream may still send or give credit.
  @inline(__always) private var openSession: HTTP2Session? {
    flags.isDisjoint(with: [.closed, .resetSubmitted]) ? session : nil
  }

  /// Server: sends the response head; with `endStream` it is a trailers-only response and the stream's end.
  package func sendHeaders(_ fields: HeaderFields, endStream: Bool) {
    guard let session = openSession else { return }
    guard !flags.contains(.headersSent) else { return reset(.internalError) }
    session.submitHeaders(of: self, fields, endStream: endStream)
  }

  /// Queues DATA. The buffer is kept until it was sent, not copied. Everything is accepted: respect `isWritable`.
  package func send(_ data: ByteBuffer) {
    guard let session = openSession else { return }
    guard flags.contains(.headersSent), !flags.contains(.finishing) else { return reset(.internalError) }
    outbound.append(data)
    if outbound.byteCount >= session.configuration.streamHighWatermark_bytes { flags.insert(.aboveWatermark) }
    session.resumeSending(self)
  }

  /// Unless nothing is queued, `isWritable` becomes false, until everything was handed to the connection.
  package func awaitEmptyQueue() {
    guard openSession != nil, !outbound.isEmpty else { return }
    flags.formUnion([.aboveWatermark, .emptying])
  }

  /// Ends our side after the queued data: with trailers, or with END_STREAM on the last DATA frame.
  package func finish(trailers: HeaderFields? = nil) {
    guard let session = openSession else { return }
    guard flags.contains(.headersSent), !flags.contains(.finishing) else { return reset(.internalError) }
    flags.insert(.finishing)
    outboundTrailers = trailers
    session.resumeSending(self)
  }

  /// Gives flow-control credit for `byteCount` received bytes back to the peer.
  package func consume(_ byteCount: Int) {
    guard let session, !flags.contains(.closed) else { return }
    precondition(byteCount >= 0 && byteCount <= unconsumed_bytes, "more was consumed than received")
    unconsumed_bytes -= byteCount
    session.consume(byteCount, of: self)
  }

  /// Ends the stream at once with RST_STREAM; queued data is dropped. `closed` follows with the same code.
  package func reset(_ code: HTTP2ErrorCode) {
    guard let session = openSession else { return }
    session.submitReset(of: self, code)
  }
}
