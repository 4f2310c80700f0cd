import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import WebSocket

/// Our client against our server, and against servers that behave otherwise.
@Suite(.serialized) struct ClientTests {
  @Test func ownClientAndServer() async throws {
    try await withListener { listener, port, server in
      let journal = Journal()
      let client = WebSocketClient(group: MultiThreadedEventLoopGroup.singleton)
      let connection = try await client.connect(to: .tcp(host: "127.0.0.1", port: port), target: "/x?token=t") {
        Recorder($0, journal)
      }
      let long = String(repeating: "生于一九五二年。", count: 20_000)
      connection.eventLoop.execute {
        connection.send(text: "你好")
        connection.send(text: long)
        connection.ping(7)
        connection.send(text: "last")
      }
      try await journal.wait(for: "last")
      try await journal.wait(for: "pong 7")
      #expect(journal.all.filter { !$0.hasPrefix("writable") && $0 != "pong 7" } == ["opened", "你好", long, "last"])
      #expect(listener.connectionCount == 1)
      connection.eventLoop.execute { connection.close(.normal, reason: "done") }
      try await journal.wait(for: "closed 1000 clean")
      try await server.wait(for: "closed 1000 clean")
      try await waitUntil("no connection") { listener.connectionCount == 0 }
    }
  }

  /// A server may say something before its client has seen the 101.
  @Test func aClientHearsWhatCameWithTheAnswer() async throws {
    try await withListener(reply: { connection, line in
      if line == "opened" { connection.send(text: "welcome") }
    }) { _, port, server in
      let journal = Journal()
      let client = WebSocketClient(group: MultiThreadedEventLoopGroup.singleton)
      _ = try await client.connect(to: .tcp(host: "127.0.0.1", port: port), target: "/") {
        Recorder($0, journal, reply: Recorder.echo)
      }
      try await server.wait(for: "welcome")
      #expect(journal.all == ["opened", "welcome"])
    }
  }

  /// The socket's end often comes in the same read as the answer, while the handshake's handlers are still in the
  /// pipeline; what came behind the answer is lost then.
  @Test(arguments: [10, 200_000]) func aServerThatLeavesWithItsAnswer(said_bytes: Int) async throws {
    let group = MultiThreadedEventLoopGroup.singleton
    let server = try await ServerBootstrap(group: group).childChannelInitializer { channel in
      channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(LeavingServer()) }
    }.bind(host: "127.0.0.1", port: 0).get()
    let port = try #require(server.localAddress?.port)
    let client = WebSocketClient(group: group)
    for _ in 0..<20 {
      let journal = Journal()
      _ = try await client.connect(to: .tcp(host: "127.0.0.1", port: port), target: "/") {
        Recorder($0, journal) { connection, line in
          if line == "opened" { connection.send(text: String(repeating: "a", count: said_bytes)) }
        }
      }
      try await waitUntil("closed") { journal.all.contains { $0.hasPrefix("closed") } }
      let heard = journal.all.filter { !$0.hasPrefix("writable") }
      #expect([["opened", "goodbye", "closed 1000 clean"], ["opened", "closed 1006 unclean"]].contains(heard))
    }
    try await server.close()
  }

  @Test func aClientChecksTheAnswer() async throws {
    let service = WebSocketService(authorize: { _ in .refuse(PlainResponse(status: 401)) })
    try await withListener(service) { _, port in
      let client = WebSocketClient(group: MultiThreadedEventLoopGroup.singleton)
      await #expect(throws: WebSocketClient.Failure.refused(status: 401)) {
        _ = try await client.connect(to: .tcp(host: "127.0.0.1", port: port), target: "/?token=x") {
          Recorder($0, Journal())
        }
      }
    }
  }
}

/// Answers a handshake, says goodbye and is gone, all in one packet.
private final class LeavingServer: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  private var request = ""

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    request += String(buffer: unwrapInboundIn(data))
    guard request.hasSuffix("\r\n\r\n") else { return }
    let lines = request.split(separator: "\r\n")
    let prefix = "Sec-WebSocket-Key: "
    guard let key = lines.first(where: { $0.hasPrefix(prefix) })?.dropFirst(prefix.count) else { return }
    var answer = ByteBuffer(
      string: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Accept: \(HandshakeKey.answer(to: String(key)))\r\n\r\n")
    answer.writeBytes(Frame.text("goodbye").bytes(key: nil))
    answer.writeBytes(Frame.close(1000).bytes(key: nil))
    let channel = context.channel
    context.writeAndFlush(NIOAny(answer)).whenComplete { _ in channel.close(promise: nil) }
  }
}
