import NIOCore
import NIOEmbedded
import TLS
import Testing

@Suite struct WritingTests {
  /// The records in `bytes`: their lengths with headers.
  private func records(_ bytes: ByteBuffer) throws -> [Int] {
    var lengths: [Int] = []
    var at = bytes.readerIndex
    while at < bytes.writerIndex {
      #expect(bytes.getInteger(at: at, as: UInt8.self) == 23)
      let length = Int(try #require(bytes.getInteger(at: at + 3, as: UInt16.self)))
      lengths.append(5 + length)
      at += 5 + length
    }
    #expect(at == bytes.writerIndex)
    return lengths
  }

  private func outbound(_ side: EmbeddedPair.Side) throws -> ByteBuffer {
    var all = ByteBuffer()
    while var bytes = try side.channel.readOutbound(as: ByteBuffer.self) { all.writeBuffer(&bytes) }
    return all
  }

  @Test func shortWritesShareARecord() throws {
    let pair = try EmbeddedPair.open()
    var promises: [EventLoopFuture<Void>] = []
    for _ in 0..<100 { promises.append(pair.client.channel.write(ByteBuffer(string: "0123456789"))) }
    #expect(try outbound(pair.client).readableBytes == 0)
    pair.client.channel.flush()
    let bytes = try outbound(pair.client)
    #expect(try records(bytes).count == 1)
    for promise in promises { try promise.wait() }
    pair.server.channel.pipeline.fireChannelRead(bytes)
    #expect(pair.server.end.text == String(repeating: "0123456789", count: 100))
  }

  @Test(arguments: [
    [1], [0], [0, 0], [16_384], [16_385], [40_000, 3], [3, 40_000, 3], [5_000, 5_000],
    [4_095, 4_095, 4_095, 4_095, 4_095],
    [200_000], [1, 70_000, 1, 70_000],
  ])
  func everyMixOfLengthsArrives(_ lengths: [Int]) throws {
    let pair = try EmbeddedPair.open()
    var expected: [UInt8] = []
    var promises: [EventLoopFuture<Void>] = []
    for (index, length) in lengths.enumerated() {
      let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ index) }
      expected += bytes
      promises.append(pair.client.channel.write(ByteBuffer(bytes: bytes)))
    }
    pair.client.channel.flush()
    for promise in promises { try promise.wait() }
    let bytes = try outbound(pair.client)
    // As few records as there can be with 16 KiB each, give or take the joined ones at the edges.
    #expect(try records(bytes).count <= expected.count / 16_384 + lengths.count + 1)
    #expect(try records(bytes).allSatisfy { $0 <= 16_384 + 5 + 256 })
    pair.server.channel.pipeline.fireChannelRead(bytes)
    #expect(Array(buffer: pair.server.end.received) == expected)
  }

  @Test func writesWaitForTheHandshake() throws {
    let pair = try EmbeddedPair(server: Contexts.server(), client: Contexts.client())
    let early = pair.client.channel.writeAndFlush(ByteBuffer(string: "early"))
    let unflushed = pair.client.channel.write(ByteBuffer(string: "unflushed"))
    try pair.pump()
    try early.wait()
    #expect(pair.server.end.text == "early")
    pair.client.channel.flush()
    try unflushed.wait()
  }

  @Test func earlyWritesAreBounded() throws {
    let pair = try EmbeddedPair(server: Contexts.server(), client: Contexts.client())
    let fits = pair.client.channel.write(ByteBuffer(repeating: 0, count: 1 << 20))
    let beyond = pair.client.channel.write(ByteBuffer(repeating: 0, count: 1))
    #expect(throws: TLSError.self) { try beyond.wait() }
    pair.client.channel.flush()
    try pair.pump()
    try fits.wait()
    #expect(pair.server.end.received.readableBytes == 1 << 20)
  }

  @Test func writesOfAFailedHandshakeFail() throws {
    let pair = try EmbeddedPair(server: Contexts.server(), client: Contexts.client(), name: "example.org")
    let early = pair.client.channel.writeAndFlush(ByteBuffer(string: "secret"))
    try pair.pump()
    #expect(throws: TLSError.self) { try early.wait() }
    #expect(pair.server.end.text.isEmpty)
  }

  @Test func keptBuffersStayAsTheyAre() throws {
    final class Keeper: ChannelInboundHandler {
      typealias InboundIn = ByteBuffer
      var kept: [ByteBuffer] = []
      func channelRead(context: ChannelHandlerContext, data: NIOAny) { kept.append(unwrapInboundIn(data)) }
    }
    let pair = try EmbeddedPair.open()
    let keeper = Keeper()
    try pair.server.channel.pipeline.syncOperations.addHandler(keeper, position: .before(pair.server.end))
    let lengths = [10, 9_000, 20_000, 12, 64_000, 1]
    for (index, length) in lengths.enumerated() {
      try pair.client.channel.writeAndFlush(ByteBuffer(repeating: UInt8(index), count: length)).wait()
      pair.server.channel.pipeline.fireChannelRead(try outbound(pair.client))
    }
    let all = keeper.kept.flatMap { Array(buffer: $0) }
    #expect(all == lengths.enumerated().flatMap { Array(repeating: UInt8($0.offset), count: $0.element) })
    // A short message does not hold on to a long buffer.
    #expect(keeper.kept.filter { $0.readableBytes < 100 }.allSatisfy { $0.storageCapacity <= 128 })
  }
}
