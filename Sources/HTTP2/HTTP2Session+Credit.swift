import CNGHTTP2

/// Flow control of what comes in. A stream's window is given back when its handler has read, so that a slow handler
/// stops its own sender. The connection's is given back on arrival, or one slow handler would stop the senders of all
/// streams; but not while the connection holds more unread than it may.
extension HTTP2Session {
  /// `count` bytes came for `stream`; nil: nobody will read them.
  @inline(__always)
  func arrived(_ count: Int, for stream: HTTP2Stream?) {
    uncredited_bytes += count
    guard let stream else { return }
    unread_bytes += count
    stream.unconsumed_bytes += count
  }

  /// The stream's handler has read.
  func consume(_ byteCount: Int, of stream: HTTP2Stream) {
    guard let library, byteCount > 0 else { return }
    unread_bytes -= byteCount
    let isConnectionDue = uncredited_bytes > 0
    creditConnection()
    // Nothing more comes on a stream that ended.
    let isStreamDue = !stream.flags.contains(.remoteEnded)
    if isStreamDue { _ = nghttp2_session_consume_stream(library, stream.id, byteCount) }
    // A WINDOW_UPDATE goes out only once half a window was consumed.
    if isConnectionDue || isStreamDue, nghttp2_session_get_outbound_queue_size(library) > 0 { requestFlush() }
  }

  /// The stream ended; what is left of it will not be read.
  func abandonUnread(of stream: HTTP2Stream) {
    unread_bytes -= stream.unconsumed_bytes
    stream.unconsumed_bytes = 0
  }

  /// Gives back what the connection's window lacks, if the connection may hold as much as it does.
  @inline(__always)
  func creditConnection() {
    guard uncredited_bytes > 0, let library, unreadAllowance.covers(unread_bytes) else { return }
    _ = nghttp2_session_consume_connection(library, uncredited_bytes)
    uncredited_bytes = 0
  }
}
