import NIOCore
import NIOEmbedded
import TLS

/// A client and a server, joined by hand.
struct EmbeddedPair {
  struct Side {
    let channel: EmbeddedChannel
    let end = EndRecorder()

    init(_ handler: TLSHandler) throws {
      channel = EmbeddedChannel()
      try channel.pipeline.syncOperations.addHandlers([handler, end])
    }

    func connect() throws { try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait() }

    func write(_ text: String) throws { try channel.writeAndFlush(ByteBuffer(string: text)).wait() }
  }

  let client: Side
  let server: Side

  init(
    server: TLSContext, client: TLSContext, name: String = "localhost", handshakeTimeout: TimeAmount = .seconds(10)
  ) throws {
    self.server = try Side(TLSHandler(context: server, handshakeTimeout: handshakeTimeout))
    self.client = try Side(TLSHandler(context: client, serverName: name, handshakeTimeout: handshakeTimeout))
    try self.server.connect()
    try self.client.connect()
  }

  /// Both ends with the usual contexts, after the handshake.
  static func open(alpn: ALPN = .h2) throws -> EmbeddedPair {
    let pair = try EmbeddedPair(server: Contexts.server(alpn), client: Contexts.client(alpn))
    try pair.pump()
    return pair
  }

  /// Moves bytes both ways, `piece` at a time, until nothing moves any more.
  func pump(piece: Int = .max) throws {
    var idleRounds = 0
    while idleRounds < 3 {
      let toServer = try move(from: client, to: server, piece)
      let toClient = try move(from: server, to: client, piece)
      let moved = toServer || toClient
      // Handshakes that wait for the next turn of the loop.
      for side in [client, server] { side.channel.embeddedEventLoop.advanceTime(by: .milliseconds(1)) }
      idleRounds = moved ? 0 : idleRounds + 1
    }
  }

  private func move(from: Side, to: Side, _ piece: Int) throws -> Bool {
    var moved = false
    while var bytes = try from.channel.readOutbound(as: ByteBuffer.self) {
      while let slice = bytes.readSlice(length: min(piece, bytes.readableBytes)), slice.readableBytes > 0 {
        moved = true
        guard to.channel.isActive else { break }
        to.channel.pipeline.fireChannelRead(slice)
        to.channel.pipeline.fireChannelReadComplete()
      }
    }
    return moved
  }
}
