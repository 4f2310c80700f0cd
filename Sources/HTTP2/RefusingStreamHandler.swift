import NIOCore

/// Refuses a stream that arrives while the connection has lost its delegate.
final class RefusingStreamHandler: HTTP2StreamHandler {
  func receivedHeaders(_ stream: HTTP2Stream, endStream: Bool) { stream.reset(.refusedStream) }
  func receivedData(_ stream: HTTP2Stream, _ data: ByteBuffer, endStream: Bool) {}
  func receivedTrailers(_ stream: HTTP2Stream, _ trailers: HeaderBlock) {}
  func writabilityChanged(_ stream: HTTP2Stream) {}
  func closed(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {}
}
