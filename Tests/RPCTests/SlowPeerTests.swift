import NIOCore
import NIOPosix
import Protobuf
import TestSupport
import Testing

@testable import HTTP2
@testable import RPC

/// Clients that do not take their answers, and handlers that do not read.
@Suite(.serialized) struct SlowPeerTests {
  @Test func aClientThatReadsNothingLosesItsStream() async throws {
    let server = try await TestServer.start(unreadResponses_s: 1)
    let call = server.channel.serverStreaming(TestMethods.forever, RawMessage(String(repeating: "x", count: 4096))).call
    #expect(await eventually { server.seen.now.cancelled == 1 })
    let status = await #expect(throws: Status.self) { while try await call.next() != nil {} }
    #expect(status?.code == .resourceExhausted)
    #expect(try await server.channel.unary(TestMethods.echo, RawMessage("a")).text == "a")
    await server.stop()
  }

  /// Its window is shut: the answers wait after their calls have ended.
  @Test func aClientThatTakesNoAnswerLosesItsStream() async throws {
    let server = try await TestServer.start(unreadResponses_s: 1)
    var http2 = HTTP2Configuration()
    http2.streamWindow_bytes = 0
    let channel = NetworkChannel(server.address, http2: http2, group: server.group)
    for options in [CallOptions(), CallOptions(timeout: .seconds(60))] {
      let status = await #expect(throws: Status.self) {
        try await channel.unary(TestMethods.echo, RawMessage("x"), options: options)
      }
      #expect(status?.code == .resourceExhausted)
    }
    // What has no content is no answer that could wait.
    let status = await #expect(throws: Status.self) { try await channel.unary(TestMethods.fail, RawMessage("x")) }
    #expect(status?.code == .failedPrecondition)
    await channel.shutdown()
    await server.stop()
  }

  /// Twenty pages, all queued when the call ends, through a window of two; five are read in a second, where one would do,
  /// so that all take longer than the time in which some must be taken. Who was held up catches up.
  @Test func aClientThatTakesItsAnswerSlowlyGetsIt() async throws {
    let pages = Method<RawMessage, RawMessage>("test.Test", "Pages", .serverStreaming)
    let server = try await TestServer.start(
      unreadResponses_s: 3,
      extra: { router in
        router.register(serverStreaming: pages) { _, responses, _ in
          for _ in 0..<20 { try await responses.write(RawMessage(bytes: [UInt8](repeating: 1, count: 4_000))) }
        }
      })
    var http2 = HTTP2Configuration()
    http2.streamWindow_bytes = 8 << 10
    let channel = NetworkChannel(server.address, http2: http2, group: server.group)
    let call = channel.serverStreaming(pages, RawMessage("x")).call
    let start = ContinuousClock.now
    var count = 0
    while try await call.next() != nil {
      count += 1
      try await Task.sleep(until: start + .milliseconds(200 * count))
    }
    #expect(count == 20)
    await channel.shutdown()
    await server.stop()
  }

  /// They do not read their requests: eight streams' windows are twice the connection's.
  @Test func slowHandlersDoNotHoldUpTheOtherCallsOfTheirConnection() async throws {
    let deaf = Method<RawMessage, RawMessage>("test.Test", "Deaf", .bidirectional)
    let ended = Observations()
    let server = try await TestServer.start(
      extra: { router in
        router.register(bidirectional: deaf) { _, _, _ in
          defer { ended.change { $0.cancelled += 1 } }
          try await Task.sleep(for: .seconds(60))
        }
      })
    let slow = (0..<8).map { _ in server.channel.bidirectional(deaf) }
    let written = Observations()
    let writers = slow.map { call in
      Task {
        while true {
          try await call.write(RawMessage(bytes: [UInt8](repeating: 1, count: 10_000)))
          written.change { $0.written += 1 }
        }
      }
    }
    #expect(await written.standStill())
    let large = RawMessage(bytes: [UInt8](repeating: 3, count: 1 << 20))
    let options = CallOptions(timeout: .seconds(10))
    #expect(try await server.channel.unary(TestMethods.echo, large, options: options) == large)
    for call in slow { call.cancel() }
    for writer in writers { await #expect(throws: Status.self) { try await writer.value } }
    #expect(await eventually { ended.now.cancelled == 8 })
    await server.stop()
  }
}
