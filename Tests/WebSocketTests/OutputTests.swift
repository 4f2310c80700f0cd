import NIOCore
import NIOEmbedded
import Testing

@testable import WebSocket

/// How many writes the socket sees.
struct OutputTests {
  private func connection(
    reply: @escaping @Sendable (WebSocketConnection, String) -> Void = Recorder.echo
  ) throws -> (channel: EmbeddedChannel, connection: WebSocketConnection, journal: Journal) {
    let channel = EmbeddedChannel()
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    let settings = SessionSettings(WebSocketConfiguration())
    let loop = WebSocketLoop(eventLoop: channel.eventLoop, settings: settings)
    let connection = WebSocketConnection(
      loop: loop, session: WebSocketSession(role: .server, settings: settings, deflate: nil, now_s: loop.now_s),
      remoteAddress: nil, addressKey: nil)
    let journal = Journal()
    connection.handler = Recorder(connection, journal, reply: reply)
    connection.isSettled = true
    try channel.pipeline.syncOperations.addHandler(connection)
    return (channel, connection, journal)
  }

  private func writes(_ channel: EmbeddedChannel) throws -> [[Frame]] {
    var writes: [[Frame]] = []
    while let buffer = try channel.readOutbound(as: ByteBuffer.self) {
      writes.append(Frame.parse(Array(buffer.readableBytesView)).frames)
    }
    return writes
  }

  @Test func sixtyFourMessagesInOneReadAreAnsweredByOneWrite() throws {
    let (channel, _, _) = try connection()
    let bytes = (0..<64).flatMap { Frame.text("ping \($0)").bytes() }
    try channel.writeInbound(ByteBuffer(bytes: bytes))
    #expect(try writes(channel) == [(0..<64).map { Frame.text("ping \($0)") }])
    _ = try? channel.finish()
  }

  @Test func oneMessageIsOneWrite() throws {
    let (channel, connection, _) = try connection()
    connection.send(text: "alone")
    channel.embeddedEventLoop.run()
    #expect(try writes(channel) == [[.text("alone")]])
    connection.send(text: "first")
    connection.send(text: "second")
    connection.ping(1)
    channel.embeddedEventLoop.run()
    #expect(try writes(channel) == [[.text("first"), .text("second"), .ping([0, 0, 0, 0, 0, 0, 0, 1])]])
    _ = try? channel.finish()
  }

  @Test func aLongPayloadIsNotCopied() throws {
    let (channel, connection, _) = try connection()
    let payload = ByteBuffer(repeating: 0x61, count: Limits.separatePayload_bytes)
    connection.send(text: payload)
    channel.embeddedEventLoop.run()
    let header = try channel.readOutbound(as: ByteBuffer.self)
    #expect(header?.readableBytes == 4)
    #expect(try channel.readOutbound(as: ByteBuffer.self) == payload)
    _ = try? channel.finish()
  }

  @Test func aMessageLongerThanTheBoundIsTooMuch() throws {
    let (channel, connection, journal) = try connection()
    connection.send(binary: ByteBuffer(repeating: 1, count: Limits.outboundBuffer_bytes))
    channel.embeddedEventLoop.run()
    #expect(journal.all == [])
    connection.send(binary: ByteBuffer(repeating: 1, count: Limits.outboundBuffer_bytes + 1))
    #expect(journal.all == ["closed 1013 unclean"])
    _ = try? channel.finish()
  }

  @Test func aHandlerMayKeepWhatItGot() throws {
    final class Keeper: WebSocketHandler {
      var texts: [ByteBuffer] = []
      func receivedText(_ text: ByteBuffer) { texts.append(text) }
      func closed(code: WebSocketCloseCode, isClean: Bool) {}
    }
    let (channel, connection, _) = try connection()
    let keeper = Keeper()
    connection.handler = keeper
    let bytes = (0..<10).flatMap { Frame.text("text \($0)").bytes() }
    try channel.writeInbound(ByteBuffer(bytes: bytes))
    #expect(keeper.texts.map { String(buffer: $0) } == (0..<10).map { "text \($0)" })
    _ = try? channel.finish()
  }

  /// 300 deadlines in one second: three loop turns, so that sockets are looked at in between.
  @Test func deadlinesOfOneSecondAreSpreadOverTurns() {
    final class Entry: LoopEntry {
      var called = 0
      func deadlineReached(now_s: UInt32) { called += 1 }
      func drain(_ code: WebSocketCloseCode, reason: String) {}
      func drop() {}
    }
    let eventLoop = EmbeddedEventLoop()
    let loop = WebSocketLoop(eventLoop: eventLoop, settings: SessionSettings(WebSocketConfiguration()))
    let entries = (0..<300).map { _ in Entry() }
    let keys = entries.map { loop.add($0, due_s: loop.now_s + 2) }
    func called() -> Int { entries.reduce(0) { $0 + $1.called } }
    eventLoop.advanceTime(by: .milliseconds(1_990))
    #expect(called() == 0)
    eventLoop.advanceTime(by: .milliseconds(10))
    #expect(called() == Limits.deadlinesPerTurn)
    eventLoop.advanceTime(by: .microseconds(20))
    #expect(called() == 2 * Limits.deadlinesPerTurn)
    eventLoop.advanceTime(by: .microseconds(20))
    #expect(called() == 300)
    eventLoop.advanceTime(by: .seconds(5))
    #expect(called() == 300)
    for key in keys { loop.remove(key) }
    eventLoop.advanceTime(by: .seconds(5))
  }
}
