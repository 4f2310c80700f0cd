import NIOCore
import WebSocket

/// Sends back what comes. On its connection's loop.
final class Echo: WebSocketHandler {
  private let connection: WebSocketConnection
  private let onClosed: (@Sendable () -> Void)?

  init(_ connection: WebSocketConnection, onClosed: (@Sendable () -> Void)? = nil) {
    self.connection = connection
    self.onClosed = onClosed
  }

  func receivedText(_ text: ByteBuffer) { connection.send(text: text) }
  func receivedBinary(_ bytes: ByteBuffer) { connection.send(binary: bytes) }
  func closed(code: WebSocketCloseCode, isClean: Bool) { onClosed?() }
}

/// Keeps the last text message until the connection is closed.
final class LastText: WebSocketHandler {
  private var text = ""
  private let onClosed: @Sendable (String) -> Void

  init(onClosed: @escaping @Sendable (String) -> Void) { self.onClosed = onClosed }

  func receivedText(_ text: ByteBuffer) { self.text = String(buffer: text) }
  func closed(code: WebSocketCloseCode, isClean: Bool) { onClosed(text) }
}
