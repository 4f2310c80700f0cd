import Synchronization

@testable import WebSocket

/// A connection handed from its loop to a test.
final class KeptConnection: Sendable {
  private let connection = Mutex<WebSocketConnection?>(nil)
  func set(_ value: WebSocketConnection) { connection.withLock { $0 = value } }
  func get() -> WebSocketConnection? { connection.withLock { $0 } }
}
