package import NIOCore

/// What happens on a connection. Called on its event loop, one call at a time; any member of the connection may be
/// called from here.
package protocol WebSocketHandler: AnyObject {
  /// The handshake is done; may send.
  func opened(_ connection: WebSocketConnection)
  /// A whole message, valid UTF-8. The buffer is only lent: short messages share their memory with the next ones, so
  /// who keeps one for long should copy it.
  func receivedText(_ text: ByteBuffer)
  /// A whole message.
  func receivedBinary(_ bytes: ByteBuffer)
  /// The answer to `ping` with this number.
  func receivedPong(_ number: UInt64)
  func writabilityChanged(_ isWritable: Bool)
  /// The last call, made exactly once. `code` is the peer's (1005: it gave none), ours when we failed the connection
  /// (1002, 1007, 1008, 1009, 1011, 1013), or 1006 when it was lost. Clean: both close frames were exchanged.
  func closed(code: WebSocketCloseCode, isClean: Bool)
}

extension WebSocketHandler {
  package func opened(_ connection: WebSocketConnection) {}
  package func receivedBinary(_ bytes: ByteBuffer) {}
  package func receivedPong(_ number: UInt64) {}
  package func writabilityChanged(_ isWritable: Bool) {}
}
