import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// An HTTP server that answers each request with the next script, byte by byte as told: the faults that real model
/// servers and the networks before them have.
final class FaultyServer: Sendable {
  enum Step: Sendable {
    /// Bytes as they are, head included.
    case send(String)
    case sendBytes([UInt8])
    /// Nothing until the client closes.
    case stall
    case pause(milliseconds: Int64)
    /// An orderly end of the connection.
    case close
    /// An abortive end (RST).
    case reset
  }

  struct Request: Sendable {
    var head: String
    var bytes: [UInt8]
    var body: String { String(decoding: bytes, as: UTF8.self) }
  }

  private struct State {
    var scripts: [[Step]]
    var requests: [Request] = []
    var closedByClient = 0
    var openConnections = 0
  }

  static let eventStreamHead =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"

  static func response(_ status: String, _ body: String, headers: String = "") -> String {
    "HTTP/1.1 \(status)\r\ncontent-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n\(headers)\r\n\(body)"
  }

  static func chunked(_ events: [String]) -> String {
    let chunks = events.map { "\(String($0.utf8.count, radix: 16))\r\n\($0)\r\n" }.joined()
    return "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n\(chunks)0\r\n\r\n"
  }

  private let state: Mutex<State>
  private let channel: Mutex<(any Channel)?> = Mutex(nil)

  /// The last script is repeated.
  init(_ scripts: [[Step]]) {
    state = Mutex(State(scripts: scripts))
  }

  func start() async throws -> String {
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.maxMessagesPerRead, value: 16)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(FaultyConnection(server: self))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    self.channel.withLock { $0 = channel }
    return "http://127.0.0.1:\(channel.localAddress?.port ?? 0)/v1"
  }

  func stop() async throws {
    let channel = channel.withLock { $0.take() }
    try await channel?.close().get()
  }

  var requests: [Request] { state.withLock { $0.requests } }
  var openConnections: Int { state.withLock { $0.openConnections } }

  fileprivate func script(for request: Request) -> [Step] {
    state.withLock { state in
      state.requests.append(request)
      return state.scripts.count > 1 ? state.scripts.removeFirst() : state.scripts[0]
    }
  }

  fileprivate func connectionChanged(by count: Int) {
    state.withLock { $0.openConnections += count }
  }
}

private final class FaultyConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let server: FaultyServer
  private var received: [UInt8] = []

  init(server: FaultyServer) {
    self.server = server
  }

  func channelActive(context: ChannelHandlerContext) {
    server.connectionChanged(by: 1)
  }

  func channelInactive(context: ChannelHandlerContext) {
    server.connectionChanged(by: -1)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    received += unwrapInboundIn(data).readableBytesView
    guard let end = received.firstRange(of: Array("\r\n\r\n".utf8)) else { return }
    let head = String(decoding: received[..<end.lowerBound], as: UTF8.self)
    let lengthField = head.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
    let length = lengthField.flatMap { Int($0.dropFirst("content-length:".count).filter(\.isNumber)) } ?? 0
    guard received.count - end.upperBound >= length else { return }
    let bytes = Array(received[end.upperBound...])
    received = []
    play(server.script(for: FaultyServer.Request(head: head, bytes: bytes))[...], context)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  private func play(_ steps: ArraySlice<FaultyServer.Step>, _ context: ChannelHandlerContext) {
    guard let step = steps.first else { return }
    switch step {
    case .send(let text):
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
      play(steps.dropFirst(), context)
    case .sendBytes(let bytes):
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
      play(steps.dropFirst(), context)
    case .pause(let milliseconds):
      let loopContext = NIOLoopBound(context, eventLoop: context.eventLoop)
      let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
      context.eventLoop.scheduleTask(in: .milliseconds(milliseconds)) {
        handler.value.play(steps.dropFirst(), loopContext.value)
      }
    case .stall:
      break
    case .close:
      context.close(promise: nil)
    case .reset:
      let loopContext = NIOLoopBound(context, eventLoop: context.eventLoop)
      let provider = context.channel as? any SocketOptionProvider
      provider?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in
        loopContext.value.close(promise: nil)
      }
    }
  }
}
