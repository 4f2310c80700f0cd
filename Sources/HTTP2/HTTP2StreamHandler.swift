package import NIOCore

/// What happens on one stream. Called on the connection's event loop, in this order: headers, data…, trailers, closed;
/// never from inside nghttp2, so everything may be called from here, `HTTP2ConnectionHandler.close` too.
package protocol HTTP2StreamHandler: AnyObject {
  /// The request head (server) or the response head (client; interim 1xx responses are skipped).
  func receivedHeaders(_ stream: HTTP2Stream, endStream: Bool)

  /// DATA that arrived in one burst; empty only when it carries nothing but END_STREAM.
  ///
  /// `data` may share memory with the socket's read buffer: copy what is kept beyond ``inputEnds()``.
  /// The handler must `consume` the bytes when it is done with them, or the peer stops sending.
  func receivedData(_ stream: HTTP2Stream, _ data: ByteBuffer, endStream: Bool)

  /// The tasks that `receivedData` resumed have run, and the socket's read buffer is used again.
  func inputEnds()

  /// Trailers; they end the peer's side of the stream.
  func receivedTrailers(_ stream: HTTP2Stream, _ trailers: HeaderBlock)

  /// The stream's queue fell below the low watermark after it had been above the high one.
  func writabilityChanged(_ stream: HTTP2Stream)

  /// The stream is over: exactly once, and the last call. `.noError` is a complete exchange; `.connectionLost` means
  /// that the connection went away under it; `.refusedStream` that the peer has not processed it.
  func closed(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode)
}

/// What happens on one connection. Called on its event loop. Kept strongly by the handler until the channel is gone.
package protocol HTTP2ConnectionDelegate: AnyObject {
  /// Server: a request arrived whole (its headers); the result gets all events of the stream.
  func accept(_ stream: HTTP2Stream, on connection: HTTP2ConnectionHandler) -> any HTTP2StreamHandler
  /// The peer's first SETTINGS arrived: a client may now open streams knowing the peer's limits.
  func connectionReady(_ connection: HTTP2ConnectionHandler)
  /// The peer takes no streams above `lastStreamID`; those already opened were closed with `.refusedStream`.
  func goAwayReceived(_ connection: HTTP2ConnectionHandler, lastStreamID: Int32, code: HTTP2ErrorCode)
  /// A PING of ours came back.
  func pingAcknowledged(_ connection: HTTP2ConnectionHandler, _ opaque: UInt64)
  /// A bound was reached (for metrics); the connection acts on it by itself.
  func limitReached(_ connection: HTTP2ConnectionHandler, _ limit: HTTP2Limit)
  /// The channel is closed and all streams got `closed`. Exactly once, and the last call.
  func connectionClosed(_ connection: HTTP2ConnectionHandler)
}

extension HTTP2ConnectionDelegate {
  package func connectionReady(_ connection: HTTP2ConnectionHandler) {}
  package func goAwayReceived(_ connection: HTTP2ConnectionHandler, lastStreamID: Int32, code: HTTP2ErrorCode) {}
  package func pingAcknowledged(_ connection: HTTP2ConnectionHandler, _ opaque: UInt64) {}
  package func limitReached(_ connection: HTTP2ConnectionHandler, _ limit: HTTP2Limit) {}
  package func connectionClosed(_ connection: HTTP2ConnectionHandler) {}
}

extension HTTP2StreamHandler {
  package func inputEnds() {}
}
