import Foundation
import NIOCore
import NIOPosix
import Synchronization
import WebSocket

/// A phone: remembers every frame it got.
final class Phone: WebSocketHandler, Sendable {
  struct Frame {
    var json: [String: Any]
    var type: String { json["type"] as? String ?? "" }
    var data: [String: Any] { json["data"] as? [String: Any] ?? [:] }
    var text: String { data["text"] as? String ?? data["message"] as? String ?? "" }
  }

  struct State {
    var texts: [String] = []
    var close: (code: UInt16, reason: String)?
    var connection: WebSocketConnection?
  }

  let state = Mutex(State())

  static func connect(
    port: Int, _ query: String = "?token=good", conversation: String = "c"
  ) async throws -> Phone {
    let phone = Phone()
    var configuration = WebSocketConfiguration()
    configuration.outboundBuffer_bytes = 32 << 20
    let client = WebSocketClient(group: MultiThreadedEventLoopGroup.singleton, configuration: configuration)
    let connection = try await client.connect(
      to: .tcp(host: "127.0.0.1", port: port), target: "/ws/conversation/\(conversation)\(query)"
    ) { _ in phone }
    phone.state.withLock { $0.connection = connection }
    return phone
  }

  func receivedText(_ text: ByteBuffer) { state.withLock { $0.texts.append(String(buffer: text)) } }

  func closed(code: WebSocketCloseCode, isClean: Bool) { state.withLock { $0.close = (code.rawValue, "") } }

  func send(_ text: String) {
    guard let connection = state.withLock({ $0.connection }) else { return }
    connection.eventLoop.execute { connection.send(text: text) }
  }

  func send(binary: [UInt8]) {
    guard let connection = state.withLock({ $0.connection }) else { return }
    connection.eventLoop.execute { connection.send(binary: ByteBuffer(bytes: binary)) }
  }

  func drop() {
    guard let connection = state.withLock({ $0.connection }) else { return }
    connection.eventLoop.execute { connection.drop() }
  }

  var frames: [Frame] {
    state.withLock { $0.texts }.compactMap { text in
      (try? JSONSerialization.jsonObject(with: Data(text.utf8))).flatMap { $0 as? [String: Any] }.map {
        Frame(json: $0)
      }
    }
  }

  var types: [String] { frames.map(\.type) }
  var closeCode: UInt16? { state.withLock { $0.close?.code } }
}
