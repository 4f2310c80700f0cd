import Foundation
import NIOCore
import NIOPosix

@testable import WebSocket

/// A blocking TCP socket: does what no decent client would.
final class RawClient {
  private let descriptor: Int32
  private var isOpen = true

  init(port: Int, receiveBuffer: Int32? = nil) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    if var receiveBuffer {
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<Int32>.size))
    }
    var timeout = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    let descriptor = descriptor
    let result = try SocketAddress(ipAddress: "127.0.0.1", port: port).withSockAddr { address, size in
      Glibc.connect(descriptor, address, socklen_t(size))
    }
    guard result == 0 else {
      Glibc.close(descriptor)
      isOpen = false
      throw POSIXError(.ECONNREFUSED)
    }
  }

  deinit { close() }

  func close() {
    guard isOpen else { return }
    isOpen = false
    Glibc.close(descriptor)
  }

  /// False: the other side is gone.
  @discardableResult func send(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }

  @discardableResult func send(_ text: String) -> Bool { send(Array(text.utf8)) }
  @discardableResult func send(_ frames: Frame...) -> Bool { send(frames.flatMap { $0.bytes() }) }

  /// One read; empty at the end (or when the connection was reset).
  func read() -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    return count > 0 ? Array(buffer[..<count]) : []
  }

  private var rest: [UInt8] = []

  /// Up to the end of an HTTP head, without it; what follows it is kept for `frame()`.
  func head() -> String {
    var bytes: [UInt8] = []
    while true {
      if let end = String(decoding: bytes, as: UTF8.self).range(of: "\r\n\r\n") {
        let text = String(decoding: bytes, as: UTF8.self)
        let head = String(text[..<end.lowerBound])
        rest = Array(bytes[(head.utf8.count + 4)...])
        return head
      }
      let more = read()
      if more.isEmpty { return String(decoding: bytes, as: UTF8.self) }
      bytes += more
    }
  }

  /// Everything until the other side closes.
  func remaining() -> String {
    var bytes = rest
    rest = []
    while true {
      let more = read()
      if more.isEmpty { return String(decoding: bytes, as: UTF8.self) }
      bytes += more
    }
  }

  private var frames: ArraySlice<Frame> = []

  /// The next frame; nil at the end of the stream.
  func frame() -> Frame? {
    while frames.isEmpty {
      let parsed = Frame.parse(rest)
      frames = parsed.frames[...]
      rest = parsed.rest
      guard frames.isEmpty else { break }
      let more = read()
      if more.isEmpty { return nil }
      rest += more
    }
    return frames.removeFirst()
  }

  static func request(_ target: String = "/x", extra: String = "", version: String = "1.1") -> String {
    "GET \(target) HTTP/\(version)\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\(extra)\r\n"
  }

  /// Connects and upgrades.
  static func upgraded(port: Int, extra: String = "", receiveBuffer: Int32? = nil) throws -> RawClient {
    let client = try RawClient(port: port, receiveBuffer: receiveBuffer)
    client.send(request(extra: extra))
    guard client.head().hasPrefix("HTTP/1.1 101 ") else { throw POSIXError(.EPROTO) }
    return client
  }
}

/// A listener on a port of its own, gone when `body` ends.
func withListener(
  _ journal: Journal = Journal(), on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
  _ change: (inout WebSocketConfiguration) -> Void = { _ in },
  reply: @escaping @Sendable (WebSocketConnection, String) -> Void = Recorder.echo,
  _ body: (WebSocketListener, Int, Journal) async throws -> Void
) async throws {
  let service = WebSocketService(
    authorize: { _ in .accept { Recorder($0, journal, reply: reply) } },
    limitReached: { journal.write("limit \($0.rawValue)") })
  try await withListener(service, on: group, change) { listener, port in try await body(listener, port, journal) }
}

func withListener(
  _ service: WebSocketService, on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
  _ change: (inout WebSocketConfiguration) -> Void = { _ in },
  _ body: (WebSocketListener, Int) async throws -> Void
) async throws {
  var configuration = WebSocketConfiguration()
  change(&configuration)
  let listener = try await WebSocketListener.bind(
    .tcp(host: "127.0.0.1", port: 0), group: group, configuration: configuration, service: service)
  do {
    try await body(listener, listener.localAddress?.port ?? 0)
  } catch {
    await listener.stop()
    throw error
  }
  await listener.stop()
}
