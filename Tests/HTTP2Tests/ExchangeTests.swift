import NIOCore
import NIOEmbedded
import Testing

@testable import HTTP2

/// What two well-behaved ends do with each other.
@Suite struct ExchangeTests {
  @Test func unary() throws {
    let pair = try Pair(onEvent: Answers.echo)
    let (stream, recorder) = try pair.open()
    stream.send(ByteBuffer(string: "hello"))
    stream.finish()
    try pair.pump()
    #expect(recorder.events == [.headers(ends: false), .data(count: 5, ends: false), .trailers, .closed(.noError)])
    #expect(recorder.body == Array("hello".utf8))
    #expect(recorder.head.has(.status, "200") && recorder.head.has(.contentType, "application/grpc"))
    #expect(recorder.trailers.has(.grpcStatus, "0"))
    let served = try #require(pair.serverDelegate.accepted.first)
    #expect(served.events == [.headers(ends: false), .data(count: 5, ends: true), .closed(.noError)])
    #expect(served.head.has(.path, "/test.Echo/Unary") && served.head.has(.te, "trailers"))
    #expect(pair.client.liveStreamCount == 0 && pair.server.liveStreamCount == 0)
  }

  @Test func trailersOnly() throws {
    let pair = try Pair { _, stream, event in
      guard case .headers = event else { return }
      var fields = HeaderFields(PrebuiltHeaders([(":status", "200")]))
      fields.append("grpc-status", "12")
      fields.append("grpc-message", Array("no".utf8), isSensitive: true)
      stream.sendHeaders(fields, endStream: true)
    }
    let (_, recorder) = try pair.open(endStream: true)
    try pair.pump()
    #expect(recorder.events == [.headers(ends: true), .closed(.noError)])
    #expect(recorder.head.has(.grpcStatus, "12") && recorder.head.has(.grpcMessage, "no"))
  }

  @Test func requestTrailersEndTheRequest() throws {
    let pair = try Pair(onEvent: Answers.echo)
    let (stream, recorder) = try pair.open()
    stream.send(ByteBuffer(string: "a"))
    stream.finish(trailers: Answers.trailers)
    try pair.pump()
    let served = try #require(pair.serverDelegate.accepted.first)
    #expect(served.events == [.headers(ends: false), .data(count: 1, ends: false), .trailers, .closed(.noError)])
    #expect(recorder.closeCodes == [.noError])
  }

  @Test func endWithoutData() throws {
    let pair = try Pair(onEvent: Answers.echo)
    let (stream, _) = try pair.open()
    try pair.pump()
    stream.finish()
    try pair.pump()
    let served = try #require(pair.serverDelegate.accepted.first)
    #expect(served.events == [.headers(ends: false), .data(count: 0, ends: true), .closed(.noError)])
  }

  /// A stream that went idle (deferred) goes on when there is data, and ends with its trailers.
  @Test func serverStreamsWithPauses() throws {
    let pair = try Pair { _, stream, event in
      if case .headers = event { stream.sendHeaders(Answers.head, endStream: false) }
    }
    let (_, recorder) = try pair.open(endStream: true)
    try pair.pump()
    let serverStream = try #require(pair.serverDelegate.accepted.first?.stream)
    for piece in ["a", "bc", "def"] {
      serverStream.send(ByteBuffer(string: piece))
      try pair.pump()
    }
    serverStream.finish(trailers: Answers.trailers)
    try pair.pump()
    #expect(recorder.body == Array("abcdef".utf8))
    #expect(recorder.events.suffix(2) == [.trailers, .closed(.noError)])
  }

  /// The whole response is on the wire before the request is complete: data and trailers arrive, then NO_ERROR.
  @Test func earlyResponseKeepsItsDataAndTrailers() throws {
    let pair = try Pair { _, stream, event in
      guard case .headers = event else { return }
      stream.sendHeaders(Answers.head, endStream: false)
      stream.send(ByteBuffer(repeating: 1, count: 40_000))
      stream.finish(trailers: Answers.trailers)
    }
    let (stream, recorder) = try pair.open()
    try pair.pump()
    #expect(recorder.body.count == 40_000)
    #expect(recorder.events.suffix(2) == [.trailers, .closed(.noError)])
    #expect(stream.isClosed && pair.server.liveStreamCount == 0)
    #expect(pair.serverDelegate.limits.isEmpty)
  }

  @Test(arguments: [100, 70_000, 3_000_000])
  func largeBodiesBothWays(_ count: Int) throws {
    let pair = try Pair(onEvent: Answers.echo)
    let (stream, recorder) = try pair.open()
    let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    stream.send(ByteBuffer(bytes: body))
    stream.finish()
    try pair.pump()
    #expect(recorder.body == body)
    #expect(recorder.closeCodes == [.noError])
  }

  /// Long pieces of one read come one by one, without a copy; short neighbours together; the end with the last one.
  @Test func theDataOfOneReadComesInPieces() throws {
    let wire = try Wire()
    let long = [UInt8](repeating: 1, count: 5_000)
    try wire.send(
      .request(1), .data(1, [1]), .data(1, [2, 3]), .data(1, long), .data(1, long), .data(1, [4]),
      .data(1, [5], ends: true))
    let served = try #require(wire.delegate.accepted.first)
    #expect(
      served.events.dropFirst() == [
        .data(count: 3, ends: false), .data(count: 5_000, ends: false), .data(count: 5_000, ends: false),
        .data(count: 2, ends: true),
      ])
    #expect(served.body == [1, 2, 3] + long + long + [4, 5])
  }

  /// Also to a handler whose stream ended with that read: it may have kept a piece.
  @Test func theEndOfTheReadBufferIsToldOnce() throws {
    let wire = try Wire { recorder, stream, event in
      if case .data(_, ends: true) = event { stream.reset(.cancel) }
    }
    let long = [UInt8](repeating: 1, count: 5_000)
    try wire.send(.request(1), .request(3), .data(1, long), .data(1, long))
    #expect(wire.delegate.accepted.map(\.inputEndings) == [1, 0])
    try wire.send(.data(3, [1]), .data(1, [1], ends: true))
    #expect(wire.delegate.accepted.map(\.inputEndings) == [2, 1])
    try wire.send(.data(3, [1]), .reset(3))
    #expect(wire.delegate.accepted.map(\.inputEndings) == [2, 1])
  }

  @Test func nothingMoreComesToAHandlerThatResets() throws {
    let wire = try Wire { _, stream, event in if case .data = event { stream.reset(.cancel) } }
    let long = [UInt8](repeating: 1, count: 5_000)
    try wire.send(.request(1), .data(1, long), .data(1, long), .data(1, long, ends: true))
    let served = try #require(wire.delegate.accepted.first)
    #expect(served.events == [.headers(ends: false), .data(count: 5_000, ends: false), .closed(.cancel)])
  }

  @Test func aReaderThatDoesNotConsumeStopsTheWriter() throws {
    let pair = try Pair()
    pair.serverDelegate.consumesAtOnce = false
    let (stream, recorder) = try pair.open()
    stream.send(ByteBuffer(repeating: 1, count: 1_000_000))
    #expect(!stream.isWritable)
    try pair.pump()
    let served = try #require(pair.serverDelegate.accepted.first)
    #expect(served.body.count == 256 << 10)
    #expect(stream.bufferedByteCount == 1_000_000 - (256 << 10))
    #expect(!recorder.events.contains(.writable))

    var consumed = 0
    while served.body.count > consumed {
      let count = served.body.count - consumed
      served.stream?.consume(count)
      consumed += count
      try pair.pump()
    }
    #expect(served.body.count == 1_000_000)
    #expect(recorder.events == [.writable])
    #expect(stream.isWritable && stream.bufferedByteCount == 0)
  }

  @Test func anEmptyQueueIsAwaitedToItsLastByte() throws {
    let pair = try Pair()
    pair.serverDelegate.consumesAtOnce = false
    let (stream, recorder) = try pair.open()
    stream.awaitEmptyQueue()
    #expect(stream.isWritable, "nothing was queued")
    let window = 256 << 10
    stream.send(ByteBuffer(repeating: 1, count: window + 1_000))
    stream.awaitEmptyQueue()
    try pair.pump()
    #expect(stream.bufferedByteCount == 1_000 && !stream.isWritable && !recorder.events.contains(.writable))
    try #require(pair.serverDelegate.accepted.first?.stream).consume(window)
    try pair.pump()
    #expect(stream.bufferedByteCount == 0 && stream.isWritable && recorder.events == [.writable])
  }

  /// RFC 9218 incremental: same-urgency streams take turns, none is served to its end first.
  @Test func serverStreamsShareTheConnection() throws {
    let wire = try Wire { _, stream, event in
      guard case .headers = event else { return }
      stream.sendHeaders(Answers.head, endStream: false)
      stream.send(ByteBuffer(repeating: 1, count: 64 << 10))
      stream.finish(trailers: Answers.trailers)
    }
    try wire.send(.windowUpdate(0, 1 << 20), .request(1, ends: true), .request(3, ends: true), .request(5, ends: true))
    let order = try wire.frames().filter { $0.kind == .data }.map(\.stream)
    #expect(order.prefix(9) == [1, 3, 5, 1, 3, 5, 1, 3, 5])
  }

  @Test func interimResponsesAreSkipped() throws {
    let wire = try Wire(role: .client)
    let recorder = Recorder()
    _ = try wire.connection.openStream(headers: Pair.requestFields, endStream: true, handler: recorder)
    _ = try wire.frames()
    try wire.send(
      .headers(1, [(":status", "103"), ("link", "x")]), .headers(1, [(":status", "200")]),
      .headers(1, [("grpc-status", "0")], ends: true))
    #expect(recorder.events == [.headers(ends: false), .trailers, .closed(.noError)])
    #expect(recorder.head.has(.status, "200"))
  }

  @Test func misuseResetsTheStreamOnly() throws {
    let pair = try Pair { recorder, stream, event in
      guard case .headers = event else { return }
      if recorder.head.has(.path, "/early") { return stream.send(ByteBuffer(string: "x")) }
      Answers.echo(recorder, stream, event)
    }
    var fields = HeaderFields()
    for (name, value) in Frame.requestFields { fields.append(name, name == ":path" ? "/early" : value) }
    let (_, bad) = try pair.open(endStream: true, fields: fields)
    let (_, good) = try pair.open(endStream: true)
    try pair.pump()
    #expect(bad.events == [.closed(.internalError)])
    #expect(good.closeCodes == [.noError])
  }

  @Test func callsAfterTheEndDoNothing() throws {
    let pair = try Pair(onEvent: Answers.echo)
    let (stream, _) = try pair.open(endStream: true)
    try pair.pump()
    for stream in [stream, try #require(pair.serverDelegate.accepted.first?.stream)] {
      stream.sendHeaders(Answers.head, endStream: false)
      stream.send(ByteBuffer(string: "x"))
      stream.finish()
      stream.consume(10)
      stream.reset(.cancel)
    }
    try pair.pump()
    #expect(pair.clientChannel.isActive && pair.serverChannel.isActive)
  }

  @Test func pingsComeBack() throws {
    let pair = try Pair()
    pair.client.ping(0x0102_0304_0506_0708)
    pair.server.ping(9)
    try pair.pump()
    #expect(pair.clientDelegate.pings == [0x0102_0304_0506_0708])
    #expect(pair.serverDelegate.pings == [9])
    #expect(pair.clientDelegate.readyCount == 1 && pair.serverDelegate.readyCount == 1)
  }
}
