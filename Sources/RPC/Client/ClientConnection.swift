import HTTP2
import NIOCore

/// One connection of a channel. Everything is for its event loop only.
final class ClientConnection: HTTP2ConnectionDelegate {
  private weak var connector: ClientConnector?
  private var handler: HTTP2ConnectionHandler?
  private(set) var isClosed = false
  /// What broke the connection, when something did.
  private(set) var error: (any Error)?

  init(connector: ClientConnector) {
    self.connector = connector
  }

  func attach(_ handler: HTTP2ConnectionHandler) {
    self.handler = handler
  }

  func open(_ fields: HeaderFields, _ call: NetworkCall) throws -> HTTP2Stream {
    guard let handler else { throw Status(.unavailable, "the connection is closed") }
    return try handler.openStream(headers: fields, endStream: false, handler: call)
  }

  func streamClosed() {
    connector?.streamClosed(on: self)
  }

  /// Takes no more calls; closes when the last one ended.
  func drain() {
    handler?.beginGracefulShutdown()
  }

  func close() {
    handler?.close(.noError)
  }

  func accept(_ stream: HTTP2Stream, on: HTTP2ConnectionHandler) -> any HTTP2StreamHandler {
    RefusedPush()
  }

  func connectionReady(_ connection: HTTP2ConnectionHandler) {
    connector?.connected(self)
  }

  func goAwayReceived(_ connection: HTTP2ConnectionHandler, lastStreamID: Int32, code: HTTP2ErrorCode) {
    connector?.connectionEnded(self)
    drain()
  }

  func connectionClosed(_ connection: HTTP2ConnectionHandler) {
    isClosed = true
    error = connection.channelError
    handler = nil
    connector?.connectionEnded(self)
  }
}

/// Servers may not push to us (SETTINGS_ENABLE_PUSH is 0); a stream they open is reset.
private final class RefusedPush: HTTP2StreamHandler {
  func receivedHeaders(_ stream: HTTP2Stream, endStream: Bool) { stream.reset(.refusedStream) }
  func receivedData(_ stream: HTTP2Stream, _ data: ByteBuffer, endStream: Bool) {}
  func receivedTrailers(_ stream: HTTP2Stream, _ trailers: HeaderBlock) {}
  func writabilityChanged(_ stream: HTTP2Stream) {}
  func closed(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {}
}
