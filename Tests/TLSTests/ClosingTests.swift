import COpenSSL
import NIOCore
import NIOEmbedded
import TLS
import Testing

@Suite struct ClosingTests {
  @Test func closingSaysSo() throws {
    let pair = try EmbeddedPair.open()
    try pair.client.write("goodbye")
    pair.client.channel.close(promise: nil)
    try pair.pump()
    #expect(pair.server.end.text == "goodbye")
    #expect(pair.server.end.errors.isEmpty)
    #expect(pair.server.end.events == ["handshake", "active", "inactive"])
    #expect(pair.client.end.events == ["handshake", "active", "inactive"])
  }

  @Test func anEndWithoutCloseNotifyIsAnError() throws {
    let pair = try EmbeddedPair.open()
    pair.server.channel.pipeline.fireChannelInactive()
    #expect(pair.server.end.error?.reason == .truncated)
    #expect(pair.server.end.events == ["handshake", "active", "error", "inactive"])
  }

  @Test func anEndDuringTheHandshakeIsAnError() throws {
    let server = try EmbeddedPair.Side(TLSHandler(context: Contexts.server()))
    try server.connect()
    server.channel.pipeline.fireChannelInactive()
    #expect(server.end.error?.reason == .truncated)
    #expect(server.end.events == ["error", "inactive"])
  }

  @Test func aSocketErrorIsReportedOnce() throws {
    let pair = try EmbeddedPair.open()
    pair.server.channel.pipeline.fireErrorCaught(IOError(errnoCode: ECONNRESET, reason: "read"))
    pair.server.channel.pipeline.fireChannelInactive()
    #expect(pair.server.end.errors.count == 1)
  }

  @Test func halfClosureTowardsUs() throws {
    let pair = try EmbeddedPair.open()
    pair.server.channel.allowRemoteHalfClosure = true
    // An embedded channel closes altogether, so the client's bytes are moved by hand.
    try pair.client.write("question")
    pair.client.channel.close(mode: .output, promise: nil)
    try pair.pump()
    #expect(pair.server.end.text == "question")
    #expect(pair.server.end.events == ["handshake", "active", "inputClosed"])
    #expect(pair.server.channel.isActive)
    try pair.server.write("answer")
    pair.server.channel.close(promise: nil)
    #expect(pair.server.end.events.last == "inactive")
    #expect(pair.server.end.errors.isEmpty)
  }

  /// The end of a handshake, a question, close_notify and FIN arrive while the loop has done enough handshakes for this
  /// turn: they wait, and count in the next one.
  @Test(arguments: [true, false]) func halfClosureInTheMiddleOfAStorm(saysGoodbye: Bool) throws {
    let loop = EmbeddedEventLoop()
    let context = try Contexts.server()
    func accept() throws -> (EmbeddedChannel, EndRecorder) {
      let channel = EmbeddedChannel(loop: loop)
      let end = EndRecorder()
      try channel.pipeline.syncOperations.addHandlers([TLSHandler(context: context), end])
      channel.allowRemoteHalfClosure = true
      try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
      return (channel, end)
    }
    let (channel, end) = try accept()
    let client = RawClient(version: TLS1_3_VERSION)
    client.advance()
    channel.pipeline.fireChannelRead(client.takeOutput())
    while let bytes = try channel.readOutbound(as: ByteBuffer.self) { client.receive(bytes) }
    client.advance()
    #expect(client.isDone)
    #expect(client.write(Array("question".utf8)))
    if saysGoodbye { client.close() }
    loop.advanceTime(by: .milliseconds(1))

    // A stranger's hello uses this turn up.
    let (strangersChannel, _) = try accept()
    let stranger = RawClient(version: TLS1_3_VERSION)
    stranger.advance()
    strangersChannel.pipeline.fireChannelRead(stranger.takeOutput())
    channel.pipeline.fireChannelRead(client.takeOutput())
    channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    #expect(end.events == [])
    loop.advanceTime(by: .milliseconds(1))
    #expect(end.text == "question")
    if saysGoodbye {
      #expect(end.events == ["handshake", "active", "inputClosed"])
    } else {
      #expect(end.events.prefix(3) == ["handshake", "active", "error"])
      #expect(end.error?.reason == .truncated)
    }
  }

  @Test func theOutputMayBeClosedBeforeTheHandshake() throws {
    let pair = try EmbeddedPair(server: Contexts.server(), client: Contexts.client())
    pair.server.channel.allowRemoteHalfClosure = true
    pair.client.channel.writeAndFlush(ByteBuffer(string: "all there is"), promise: nil)
    pair.client.channel.close(mode: .output, promise: nil)
    try pair.pump()
    #expect(pair.server.end.text == "all there is")
    #expect(pair.server.end.events == ["handshake", "active", "inputClosed"])
  }

  @Test func writesAfterHalfClosureFail() throws {
    let pair = try EmbeddedPair.open()
    pair.client.channel.close(promise: nil)
    #expect(throws: ChannelError.self) { try pair.client.write("too late") }
  }

  @Test func brokenRecordsEndTheConnection() throws {
    let pair = try EmbeddedPair.open()
    try pair.client.write("some text")
    var record = try #require(try pair.client.channel.readOutbound(as: ByteBuffer.self))
    let last = record.writerIndex - 1
    record.setInteger(record.getInteger(at: last, as: UInt8.self)! ^ 1, at: last)
    pair.server.channel.pipeline.fireChannelRead(record)
    #expect(pair.server.end.error?.reason == .failed)
    #expect("\(try #require(pair.server.end.error))".contains("bad record mac"))
    #expect(pair.server.end.text.isEmpty)
    try pair.pump()
    // The alert got through.
    #expect(pair.client.end.error?.reason == .refused)
    #expect(!pair.client.channel.isActive)
  }

  @Test func renegotiationIsRefused() throws {
    let server = try EmbeddedPair.Side(TLSHandler(context: Contexts.server()))
    try server.connect()
    let client = RawClient(version: TLS1_2_VERSION)
    try client.talk(to: server)
    #expect(client.isDone)
    #expect(!client.renegotiate())
    try client.talk(to: server)
    // A warning to the client, which takes it as the end.
    #expect(client.lastError.contains("no renegotiation"), "\(client.lastError)")
    #expect(server.end.events.filter { $0 == "handshake" }.count == 1)
  }

  @Test func aFewKeyUpdatesAreTaken() throws {
    let server = try EmbeddedPair.Side(TLSHandler(context: Contexts.server()))
    try server.connect()
    let client = RawClient(version: TLS1_3_VERSION)
    try client.talk(to: server)
    for _ in 0..<10 {
      client.requestKeyUpdate()
      #expect(client.write(Array("text".utf8)))
      try client.talk(to: server)
    }
    #expect(server.end.text == String(repeating: "text", count: 10))
    #expect(server.end.errors.isEmpty)
    try server.write("and back")
    #expect(try client.talk(to: server) == Array("and back".utf8))
  }

  @Test func aFloodOfKeyUpdatesIsNot() throws {
    let server = try EmbeddedPair.Side(TLSHandler(context: Contexts.server()))
    try server.connect()
    let client = RawClient(version: TLS1_3_VERSION)
    try client.talk(to: server)
    for _ in 0..<100 where server.channel.isActive {
      client.requestKeyUpdate()
      try client.talk(to: server)
    }
    #expect(server.end.error?.reason == .limit)
    server.channel.embeddedEventLoop.advanceTime(by: .seconds(1))
    #expect(!server.channel.isActive)
  }
}
