import NIOCore
import NIOEmbedded
import Testing

@testable import HTTP2

/// Resets, GOAWAY and lost connections: every stream hears `closed` exactly once.
@Suite struct ClosingTests {
  @Test func aResetReachesThePeerAndTheOwnHandler() throws {
    let pair = try Pair()
    let (stream, recorder) = try pair.open()
    try pair.pump()
    stream.reset(.cancel)
    #expect(recorder.events.isEmpty)
    try pair.pump()
    #expect(recorder.events == [.closed(.cancel)])
    #expect(pair.serverDelegate.accepted.first?.events == [.headers(ends: false), .closed(.cancel)])
  }

  @Test func aResetBeforeTheRequestLeftOpensNothing() throws {
    let pair = try Pair()
    let (stream, recorder) = try pair.open()
    stream.reset(.cancel)
    try pair.pump()
    #expect(recorder.events == [.closed(.cancel)])
    #expect(pair.serverDelegate.accepted.isEmpty)
    #expect(pair.client.liveStreamCount == 0)
    let (_, next) = try pair.open(endStream: true)
    try pair.pump()
    #expect(next.events.isEmpty && pair.serverDelegate.accepted.count == 1)
  }

  /// Rapid reset: what is opened and reset in one burst is never shown to a handler.
  @Test func aRequestResetInItsOwnBurstIsNeverAccepted() throws {
    let wire = try Wire()
    try wire.send(.request(1), .data(1, [1, 2, 3]), .reset(1), .request(3))
    #expect(wire.delegate.accepted.count == 1)
    #expect(wire.delegate.accepted.first?.stream?.id == 3)
    #expect(wire.connection.liveStreamCount == 1)
  }

  @Test func aHandlerMayResetFromEveryEvent() throws {
    for trigger in 0..<2 {
      let pair = try Pair { _, stream, event in
        switch event {
        case .headers where trigger == 0: stream.reset(.enhanceYourCalm)
        case .data where trigger == 1: stream.reset(.enhanceYourCalm)
        default: break
        }
      }
      let (stream, recorder) = try pair.open()
      stream.send(ByteBuffer(string: "x"))
      try pair.pump()
      #expect(recorder.events == [.closed(.enhanceYourCalm)])
      let served = try #require(pair.serverDelegate.accepted.first)
      #expect(served.closeCodes == [.enhanceYourCalm])
      #expect(served.events.count == 2 + trigger)
    }
  }

  @Test func aLostConnectionClosesEveryStreamOnce() throws {
    let pair = try Pair()
    let opened = try (0..<5).map { _ in try pair.open() }
    try pair.pump()
    pair.clientChannel.pipeline.fireChannelInactive()
    _ = try pair.serverChannel.finish(acceptAlreadyClosed: true)
    for (_, recorder) in opened { #expect(recorder.events == [.closed(.connectionLost)]) }
    for recorder in pair.serverDelegate.accepted { #expect(recorder.closeCodes == [.connectionLost]) }
    #expect(pair.clientDelegate.closedCount == 1 && pair.serverDelegate.closedCount == 1)
    #expect(pair.client.liveStreamCount == 0 && pair.server.liveStreamCount == 0)
    #expect(throws: HTTP2Error.connectionClosing) { try pair.open() }
  }

  @Test func aHandlerMayCloseTheConnectionFromEveryEvent() throws {
    for trigger in 0..<3 {
      var connection: HTTP2ConnectionHandler?
      let pair = try Pair { _, _, event in
        switch event {
        case .headers where trigger == 0: connection?.close()
        case .data where trigger == 1: connection?.close()
        case .closed where trigger == 2: connection?.close()
        default: break
        }
      }
      connection = pair.server
      let (stream, recorder) = try pair.open()
      let (_, other) = try pair.open()
      stream.send(ByteBuffer(string: "x"))
      try pair.pump()
      if trigger == 2 { stream.reset(.cancel) }
      try pair.pump()
      pair.serverChannel.embeddedEventLoop.run()
      #expect(!pair.serverChannel.isActive)
      #expect(pair.serverDelegate.closedCount == 1)
      for served in pair.serverDelegate.accepted { #expect(served.closeCodes.count == 1) }
      _ = try pair.clientChannel.finish(acceptAlreadyClosed: true)
      #expect(recorder.closeCodes.count == 1 && other.closeCodes.count == 1)
    }
  }

  @Test func gracefulShutdownTakesTwoSteps() throws {
    let wire = try Wire()
    try wire.send(.request(1))
    _ = try wire.frames()
    wire.connection.beginGracefulShutdown()
    wire.connection.beginGracefulShutdown()
    let notice = try wire.frames()
    #expect(notice.map(\.kind).sorted { $0.rawValue < $1.rawValue } == [.ping, .goAway])
    #expect(notice.compactMap(\.lastStream) == [0x7fff_ffff])

    try wire.send(.request(3))
    #expect(wire.delegate.accepted.count == 2)
    let ping = try #require(notice.first { $0.kind == .ping })
    try wire.send(Frame(kind: .ping, flags: Frame.acknowledgement, payload: ping.payload))
    let final = try wire.frames()
    #expect(final.compactMap(\.lastStream) == [3])

    try wire.send(.request(5))
    #expect(wire.delegate.accepted.count == 2)
    #expect(wire.isOpen)
    for recorder in wire.delegate.accepted { recorder.stream?.sendHeaders(Answers.head, endStream: true) }
    _ = try wire.frames()
    #expect(!wire.isOpen)
    #expect(wire.delegate.accepted.allSatisfy { $0.closeCodes == [.noError] })
    #expect(wire.delegate.closedCount == 1)
  }

  @Test func gracefulShutdownDoesNotWaitForAPeerThatIsSilent() throws {
    let wire = try Wire()
    try wire.send(.request(1))
    wire.connection.beginGracefulShutdown()
    _ = try wire.frames()
    wire.channel.embeddedEventLoop.advanceTime(by: .milliseconds(999))
    #expect(try wire.frames().isEmpty)
    wire.channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
    #expect(try wire.frames().compactMap(\.lastStream) == [1])
    #expect(wire.isOpen)
  }

  @Test func aPeerThatHasNotSpokenIsClosedAtOnce() throws {
    let wire = try Wire(settings: nil)
    wire.connection.beginGracefulShutdown()
    #expect(try wire.frames().compactMap(\.lastStream) == [0])
    #expect(!wire.isOpen && wire.delegate.closedCount == 1)
  }

  @Test func anIdleConnectionClosesAfterItsFinalGoAway() throws {
    let pair = try Pair()
    pair.server.beginGracefulShutdown()
    try pair.pump()
    #expect(!pair.serverChannel.isActive)
    #expect(!pair.clientChannel.isActive)
    #expect(pair.clientDelegate.goAways.map(\.last) == [0x7fff_ffff])
    #expect(throws: HTTP2Error.connectionClosing) { try pair.open() }
    #expect(pair.client.availableStreamCount == 0)
  }

  @Test func goAwayRefusesStreamsThePeerDidNotProcess() throws {
    let wire = try Wire(role: .client)
    let recorders = [Recorder(), Recorder(), Recorder()]
    for recorder in recorders {
      _ = try wire.connection.openStream(headers: Pair.requestFields, endStream: true, handler: recorder)
    }
    _ = try wire.frames()
    try wire.send(.goAway(last: 1))
    #expect(recorders[0].events.isEmpty)
    #expect(recorders[1].events == [.closed(.refusedStream)])
    #expect(recorders[2].events == [.closed(.refusedStream)])
    #expect(throws: HTTP2Error.connectionClosing) {
      try wire.connection.openStream(headers: Pair.requestFields, endStream: true, handler: Recorder())
    }
    try wire.send(.headers(1, [(":status", "200")], ends: true))
    #expect(recorders[0].events == [.headers(ends: true), .closed(.noError)])
    _ = try wire.frames()
    #expect(!wire.isOpen)
  }

  @Test func aClientClosesGracefullyAfterItsLastStream() throws {
    let pair = try Pair { recorder, stream, event in
      if case .data = event { Answers.echo(recorder, stream, event) }
    }
    let (stream, recorder) = try pair.open()
    try pair.pump()
    pair.client.beginGracefulShutdown()
    try pair.pump()
    #expect(throws: HTTP2Error.connectionClosing) { try pair.open() }
    #expect(pair.clientChannel.isActive)
    stream.send(ByteBuffer(string: "x"))
    stream.finish()
    try pair.pump()
    #expect(recorder.closeCodes == [.noError])
    #expect(!pair.clientChannel.isActive)
  }

  @Test func thePeersStreamLimitIsRespected() throws {
    let wire = try Wire(role: .client, settings: [(3, 2)])
    #expect(wire.connection.availableStreamCount == 2)
    for _ in 0..<2 {
      _ = try wire.connection.openStream(headers: Pair.requestFields, endStream: true, handler: Recorder())
    }
    #expect(throws: HTTP2Error.tooManyStreams(limit: 2)) {
      try wire.connection.openStream(headers: Pair.requestFields, endStream: true, handler: Recorder())
    }
  }
}
