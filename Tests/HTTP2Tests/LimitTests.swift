import CNGHTTP2
import NIOCore
import NIOEmbedded
import TestSupport
import Testing

@testable import HTTP2

/// Every bound in `Limits`, reached by a hostile peer that speaks in raw frames.
@Suite struct LimitTests {
  private let calm = HTTP2ErrorCode.enhanceYourCalm.rawValue

  @Test func settingsAreAnnounced() throws {
    let wire = try Wire(settings: nil)
    let first = try #require(try wire.frames().first)
    #expect(first == .settings([(4, 256 << 10), (6, 8 << 10), (9, 1), (5, 64 << 10), (3, 256)]))
    let client = try Wire(role: .client, settings: nil)
    #expect(try client.frames().first == .settings([(4, 256 << 10), (6, 8 << 10), (9, 1), (5, 64 << 10), (2, 0)]))
  }

  // MARK: Headers

  @Test(arguments: [("few large", 4, 4_100), ("many small", 150, 1), ("one huge", 1, 16_300)])
  func aHeaderListAboveTheLimitCostsTheStreamOnly(_ name: String, _ count: Int, _ size: Int) throws {
    let wire = try Wire()
    let extra = (0..<count).map { ("x-\($0)", String(repeating: "v", count: size)) }
    let block = Frame.literal(Frame.requestFields + extra)
    try wire.send(Self.split(block, stream: 1) + [.data(1, [1, 2, 3]), .request(3, ends: true)])
    #expect(wire.delegate.accepted.map { $0.stream?.id } == [3])
    #expect(wire.delegate.limits == [.headerList])
    let answers = try wire.frames()
    #expect(answers.filter { $0.kind == .reset } == [.reset(1, HTTP2ErrorCode.internalError.rawValue)])
    #expect(wire.isOpen && wire.connection.liveStreamCount == 1)
  }

  @Test func aHeaderListJustBelowTheLimitPasses() throws {
    let wire = try Wire()
    let size = Frame.requestFields.reduce(0) { $0 + $1.0.utf8.count + $1.1.utf8.count + 32 }
    let value = String(repeating: "v", count: (16 << 10) - size - 32 - 1)
    try wire.send(Self.split(Frame.literal(Frame.requestFields + [("x", value)]), stream: 1))
    #expect(wire.delegate.accepted.first?.head.value(named: "x")?.count == value.utf8.count)
  }

  /// One indexed field per wire byte: 16 kB that would decode to megabytes are counted, not stored.
  @Test func anHPACKBombIsCutOff() throws {
    let wire = try Wire()
    let big = [UInt8(0x40)] + Array(Frame.literal([("x-bomb", String(repeating: "b", count: 3_900))]).dropFirst())
    let bomb = Frame.literal(Frame.requestFields) + big + [UInt8](repeating: 0xbe, count: 10_000)
    try wire.send(Self.split(bomb, stream: 1))
    #expect(wire.delegate.accepted.isEmpty && wire.delegate.limits == [.headerList])
    try wire.send(.request(3, ends: true))
    #expect(wire.delegate.accepted.count == 1)
  }

  @Test func oversizedResponseHeadersFailTheCall() throws {
    let wire = try Wire(role: .client)
    let recorder = Recorder()
    _ = try wire.connection.openStream(headers: Pair.requestFields, endStream: true, handler: recorder)
    _ = try wire.frames()
    let extra = (0..<200).map { ("x-\($0)", "v") }
    try wire.send(.headers(1, [(":status", "200")] + extra))
    #expect(recorder.events == [.closed(.internalError)])
  }

  @Test func endlessContinuationsEndTheConnection() throws {
    let wire = try Wire()
    var frames = [Frame(kind: .headers, stream: 1, payload: Frame.literal(Frame.requestFields))]
    frames += (0..<100).map { _ in Frame(kind: .continuation, stream: 1, payload: []) }
    try wire.send(frames)
    #expect(wire.delegate.limits.contains(.library))
    #expect(try wire.frames().contains { $0.kind == .goAway })
    #expect(!wire.isOpen)
  }

  // MARK: Streams

  @Test func streamsAboveTheLimitAreRefused() throws {
    var configuration = HTTP2Configuration()
    configuration.maxConcurrentStreams = 3
    let wire = try Wire(configuration: configuration, settings: nil)
    try wire.send(bytes: Frame.preface)
    try wire.send(.settings())
    try wire.send((0..<5).map { .request(Int32(1 + 2 * $0)) })
    #expect(wire.delegate.accepted.count == 3)
    let refused = try wire.frames().filter { $0.kind == .reset }
    #expect(refused == [.reset(7, 7), .reset(9, 7)])
    // Once the peer has acknowledged the limit, breaking it is a protocol error.
    try wire.send(Frame(kind: .settings, flags: Frame.acknowledgement), .request(11))
    #expect(try wire.frames().contains { $0.kind == .goAway })
  }

  @Test func resetsOfUnansweredRequestsAreRateLimited() throws {
    let wire = try Wire()
    for index in 0..<1_000 { try wire.send(.request(Int32(1 + 2 * index)), .reset(Int32(1 + 2 * index))) }
    #expect(wire.isOpen && wire.delegate.limits.isEmpty)
    wire.advance(seconds: 1)
    for index in 1_000..<1_033 { try wire.send(.request(Int32(1 + 2 * index)), .reset(Int32(1 + 2 * index))) }
    #expect(wire.isOpen)
    try wire.send(.request(10_001), .reset(10_001))
    try expectCalm(wire, .resetsReceived)
  }

  /// Viewers come, see the first of a stream and go; some cancel what has just ended.
  @Test func cancellingWhatWasAnsweredIsNotHeldAgainstThePeer() throws {
    let wire = try Wire { _, stream, event in
      if case .headers(let ends) = event { stream.sendHeaders(Answers.head, endStream: ends) }
    }
    for index in 0..<4_000 {
      let id = Int32(1 + 2 * index)
      try wire.send(.request(id, ends: index % 2 == 0))
      try wire.send(.reset(id))
      _ = try wire.frames()
    }
    #expect(wire.isOpen && wire.delegate.limits.isEmpty)
  }

  /// The last line, nghttp2's own: it has the code INTERNAL_ERROR.
  @Test func resetsOfAnyKindAreRateLimited() throws {
    let wire = try Wire()
    try wire.send(.request(1))
    try wire.send([Frame](repeating: .reset(1), count: 10_000))
    #expect(wire.isOpen && wire.delegate.limits.isEmpty)
    try wire.send([Frame](repeating: .reset(1), count: 2_001))
    #expect(wire.delegate.limits == [.library])
    _ = try wire.frames()
    #expect(!wire.isOpen)
  }

  /// 2³¹ - 1 is the last one; open streams go on.
  @Test func streamIdentifiersMayRunOut() throws {
    let wire = try Wire(role: .client)
    #expect(nghttp2_session_set_next_stream_id(wire.connection.session.library, 0x7fff_ffff) == 0)
    let recorder = Recorder()
    _ = try wire.connection.openStream(headers: Pair.requestFields, endStream: true, handler: recorder)
    #expect(throws: HTTP2Error.streamIdentifiersExhausted) {
      try wire.connection.openStream(headers: Pair.requestFields, endStream: true, handler: Recorder())
    }
    #expect(try wire.frames().contains { $0.kind == .headers && $0.stream == 0x7fff_ffff })
    try wire.send(.headers(0x7fff_ffff, [(":status", "200")], ends: true))
    #expect(recorder.closeCodes == [.noError] && wire.isOpen)
  }

  @Test func aServerMayResetAnyNumberOfOurStreams() throws {
    let wire = try Wire(role: .client)
    for index in 0..<2_000 {
      let id = Int32(1 + 2 * index)
      _ = try wire.connection.openStream(headers: Pair.requestFields, endStream: true, handler: Recorder())
      _ = try wire.frames()
      try wire.send(.reset(id))
    }
    #expect(wire.isOpen && wire.delegate.limits.isEmpty)
  }

  /// MadeYouReset: the peer makes us send the resets, which nghttp2 1.52 does not count.
  @Test func streamErrorsAreRateLimited() throws {
    let wire = try Wire()
    for id in stride(from: Int32(1), to: 401, by: 2) { try wire.send(.request(id), .windowUpdate(id, 0x7fff_ffff)) }
    #expect(wire.isOpen && wire.delegate.limits.isEmpty)
    #expect(wire.connection.liveStreamCount == 0)
    #expect(wire.delegate.accepted.allSatisfy { $0.closeCodes.count == 1 })
    try wire.send(.request(1_001), .windowUpdate(1_001, 0x7fff_ffff))
    try expectCalm(wire, .streamErrors)
  }

  @Test func ourOwnResetsAreNotHeldAgainstThePeer() throws {
    let wire = try Wire { _, stream, event in
      if case .headers = event { stream.reset(.cancel) }
    }
    for index in 0..<500 { try wire.send(.request(Int32(1 + 2 * index))) }
    #expect(wire.isOpen && wire.delegate.limits.isEmpty)
    #expect(wire.connection.liveStreamCount == 0)
  }

  @Test func emptyDataFramesEndTheConnection() throws {
    let wire = try Wire()
    try wire.send(.request(1))
    for _ in 0..<10 { try wire.send(.data(1, [])) }
    try wire.send(.data(1, [1]))
    for _ in 0..<9 { try wire.send(.data(1, [])) }
    try wire.send(Frame(kind: .data, flags: Frame.padded, stream: 1, payload: [3, 0, 0, 0]))
    #expect(wire.isOpen)
    try wire.send(.data(1, []))
    try expectCalm(wire, .emptyData)
  }

  // MARK: Control frames

  @Test(arguments: [Frame.ping(), Frame.settings(), Frame.ping(acknowledges: true)])
  func controlFramesAreRateLimited(_ frame: Frame) throws {
    let wire = try Wire()
    for _ in 0..<200 {
      try wire.send(frame)
      _ = try wire.frames()
    }
    #expect(wire.isOpen)
    try wire.send(frame)
    try wire.send(frame)
    try expectCalm(wire, .controlFrames)
  }

  @Test func aPingAfterOurDataIsFree() throws {
    let wire = try Wire { _, stream, event in
      if case .headers = event { stream.sendHeaders(Answers.head, endStream: false) }
    }
    try wire.send(.request(1, ends: true))
    let stream = try #require(wire.delegate.accepted.first?.stream)
    for _ in 0..<1_000 {
      stream.send(ByteBuffer(string: "x"))
      _ = try wire.frames()
      try wire.send(.ping())
    }
    #expect(wire.isOpen && wire.delegate.limits.isEmpty)
  }

  @Test func settingsWithTooManyEntriesEndTheConnection() throws {
    let wire = try Wire()
    try wire.send(.settings((0..<40).map { _ in (5, 16_384) }))
    #expect(wire.delegate.limits == [.library])
    _ = try wire.frames()
    #expect(!wire.isOpen)
  }

  // MARK: Output

  /// A peer that sends but does not read: we stop reading, and go on when it has caught up.
  @Test func aPeerThatDoesNotReadIsNotRead() throws {
    var configuration = HTTP2Configuration()
    configuration.outboundFrames = 100
    let wire = try Wire(configuration: configuration) { _, stream, event in
      if case .headers = event { stream.sendHeaders(Answers.head, endStream: true) }
    }
    wire.channel.isWritable = false
    wire.channel.pipeline.fireChannelWritabilityChanged()
    var id: Int32 = 1
    while !wire.connection.isReadingPaused, id < 2_000 {
      try wire.send(.request(id, ends: true))
      id += 2
    }
    #expect(wire.connection.isReadingPaused && id == 203)
    #expect(wire.delegate.limits == [.outboundFrames])
    #expect(try wire.frames().isEmpty)

    wire.channel.isWritable = true
    wire.channel.pipeline.fireChannelWritabilityChanged()
    #expect(!wire.connection.isReadingPaused)
    #expect(try wire.frames().filter { $0.kind == .headers }.count == 101)
    #expect(wire.connection.liveStreamCount == 0)
  }

  @Test func dataStaysQueuedWhileTheChannelIsNotWritable() throws {
    let wire = try Wire { _, stream, event in
      if case .headers = event { stream.sendHeaders(Answers.head, endStream: false) }
    }
    try wire.send(.windowUpdate(0, 1 << 24), .settings([(4, 1 << 24)]), .request(1, ends: true))
    _ = try wire.frames()
    let stream = try #require(wire.delegate.accepted.first?.stream)
    wire.channel.isWritable = false
    wire.channel.pipeline.fireChannelWritabilityChanged()
    stream.send(ByteBuffer(repeating: 1, count: 200_000))
    #expect(try wire.frames().isEmpty && stream.bufferedByteCount == 200_000)
    wire.channel.isWritable = true
    wire.channel.pipeline.fireChannelWritabilityChanged()
    #expect(try wire.frames().reduce(0) { $0 + $1.payload.count } == 200_000)
    #expect(stream.isWritable)
  }

  // MARK: Beginning

  @Test func aSilentPeerIsDroppedAfterTenSeconds() throws {
    let wire = try Wire(settings: nil)
    wire.advance(seconds: 9)
    #expect(wire.isOpen)
    wire.advance(seconds: 1)
    #expect(wire.delegate.limits == [.preface] && !wire.isOpen && wire.delegate.closedCount == 1)
  }

  @Test func aPeerThatSpokeIsNotDropped() throws {
    let wire = try Wire()
    wire.advance(seconds: 1_000)
    #expect(wire.isOpen && wire.delegate.limits.isEmpty)
  }

  @Test func aPeerThatSpeaksHTTP1IsClosed() throws {
    let wire = try Wire(settings: nil)
    try wire.send(bytes: Array("GET / HTTP/1.1\r\nhost: x\r\n\r\n".utf8))
    #expect(!wire.isOpen && wire.delegate.closedCount == 1)
  }

  // MARK: Malformed input

  @Test(arguments: [
    ("unknown pseudo", [(":method", "POST"), (":scheme", "http"), (":path", "/"), (":foo", "x")]),
    ("no path", [(":method", "POST"), (":scheme", "http")]),
    ("connection header", Frame.requestFields + [("connection", "close")]),
    ("upper case", Frame.requestFields + [("Upper", "x")]),
    ("te", Frame.requestFields.dropLast() + [("te", "gzip")]),
  ])
  func malformedRequestsAreResetAndNeverAccepted(_ name: String, _ fields: [(String, String)]) throws {
    let wire = try Wire()
    try wire.send(.headers(1, fields, ends: true))
    #expect(wire.delegate.accepted.isEmpty)
    #expect(try wire.frames().contains(.reset(1, HTTP2ErrorCode.protocolError.rawValue)))
    #expect(wire.isOpen && wire.connection.liveStreamCount == 0)
  }

  @Test func aBodyThatContradictsContentLengthIsAnError() throws {
    let wire = try Wire()
    try wire.send(.request(1, extra: [("content-length", "5")]), .data(1, [1, 2], ends: true))
    #expect(wire.delegate.accepted.first?.hasEnded != true)
    _ = try wire.frames()
    #expect(wire.connection.liveStreamCount == 0)
  }

  /// The same conversation in pieces of every size gives the same events.
  @Test(arguments: [1, 2, 3, 7, 50, 1_000])
  func inputMayArriveInAnyPieces(_ size: Int) throws {
    var configuration = HTTP2Configuration()
    configuration.continuations = 4_096
    let wire = try Wire(configuration: configuration, onEvent: Answers.echo)
    let block = Frame.literal(Frame.requestFields + [("x", String(repeating: "v", count: 3_000))])
    var frames = Self.split(block, stream: 1, size: 1_000)
    frames += [.data(1, [1, 2, 3]), .ping(), .data(1, [4]), .headers(1, [("x-end", "1")], ends: true)]
    var bytes = frames.flatMap(\.bytes)[...]
    while !bytes.isEmpty {
      try wire.send(bytes: Array(bytes.prefix(size)))
      bytes = bytes.dropFirst(size)
    }
    let served = try #require(wire.delegate.accepted.first)
    #expect(served.body == [1, 2, 3, 4] && served.trailers.value(named: "x-end") != nil)
    #expect(served.head.value(named: "x")?.count == 3_000)
    _ = try wire.frames()
    #expect(served.closeCodes == [.noError] && wire.connection.liveStreamCount == 0)
  }

  /// Random damage never crashes, and never leaves a stream without its `closed`.
  @Test(arguments: 0..<64)
  func damagedInputIsHarmless(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let wire = try Wire(onEvent: Answers.echo)
    var bytes: [UInt8] = []
    for round in 0..<30 {
      let id = Int32(1 + 2 * round)
      bytes += [
        Frame.request(id), .data(id, [1, 2, 3], ends: round % 2 == 0), .windowUpdate(0, 5), .reset(id), .ping(),
      ]
      .flatMap(\.bytes)
    }
    for _ in 0..<Int(seed) / 4 {
      bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
    }
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = Int.random(in: 1...500, using: &random)
      try wire.send(bytes: Array(rest.prefix(count)))
      rest = rest.dropFirst(count)
    }
    _ = try? wire.channel.finish(acceptAlreadyClosed: true)
    #expect(wire.delegate.accepted.allSatisfy { $0.closeCodes.count == 1 }, "seed \(seed)")
    #expect(wire.delegate.closedCount == 1 && wire.connection.liveStreamCount == 0, "seed \(seed)")
  }

  // MARK: Pieces

  private func expectCalm(_ wire: Wire, _ limit: HTTP2Limit) throws {
    #expect(wire.delegate.limits.contains(limit))
    #expect(try wire.frames().contains { $0.kind == .goAway && $0.errorCode == calm })
    #expect(!wire.isOpen)
    #expect(wire.delegate.closedCount == 1)
  }

  private static func split(_ block: [UInt8], stream: Int32, size: Int = 16 << 10) -> [Frame] {
    let pieces = stride(from: 0, to: block.count, by: size).map { Array(block[$0..<min($0 + size, block.count)]) }
    return pieces.enumerated().map { index, piece in
      Frame(
        kind: index == 0 ? .headers : .continuation, flags: index == pieces.count - 1 ? Frame.endHeaders : 0,
        stream: stream, payload: piece)
    }
  }
}
