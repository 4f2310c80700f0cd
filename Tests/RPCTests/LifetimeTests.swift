import NIOCore
import Protobuf
import TestSupport
import Testing

@testable import RPC

/// Deadlines, cancellation and backpressure, the same over a network and within the process.
@Suite(.serialized) struct LifetimeTests {
  @Test(arguments: Transport.allCases)
  func deadlineEndsBothSides(transport: Transport) async throws {
    try await TestServer.run(transport) { server async throws in
      let start = ContinuousClock.now
      do {
        _ = try await server.channel.unary(
          TestMethods.block, RawMessage(""), options: CallOptions(timeout: .milliseconds(50)))
        Issue.record("no error")
      } catch let status as Status {
        #expect(status.code == .deadlineExceeded)
      }
      #expect(start.duration(to: .now) < .seconds(5))
      #expect(await eventually { server.seen.now.cancelled == server.seen.now.started })
    }
  }

  @Test(arguments: Transport.allCases)
  func passedDeadlineFailsAtOnce(transport: Transport) async throws {
    try await TestServer.run(transport) { server async throws in
      let options = CallOptions(deadline: ContinuousClock.now.advanced(by: .seconds(-1)))
      await #expect(throws: Status.deadlinePassed) {
        try await server.channel.unary(TestMethods.echo, RawMessage(""), options: options)
      }
    }
  }

  @Test(arguments: Transport.allCases)
  func deadlineReachesTheHandler(transport: Transport) async throws {
    let left = Method<RawMessage, RawMessage>("test.Test", "Left", .unary)
    try await TestServer.run(
      transport,
      extra: { router in
        router.register(unary: left) { _, context in
          RawMessage("\(context.remainingTime.map { $0 > .seconds(5) && $0 <= .seconds(10) } ?? false)")
        }
      }
    ) { server async throws in
      let options = CallOptions(timeout: .seconds(10))
      #expect(try await server.channel.unary(left, RawMessage(""), options: options).text == "true")
      #expect(try await server.channel.unary(left, RawMessage("")).text == "false")
    }
  }

  @Test(arguments: Transport.allCases)
  func cancelledTaskCancelsTheHandler(transport: Transport) async throws {
    try await TestServer.run(transport) { server async throws in
      let task = Task { try await server.channel.unary(TestMethods.block, RawMessage("")) }
      #expect(await eventually { server.seen.now.started == 1 })
      task.cancel()
      do {
        _ = try await task.value
        Issue.record("no error")
      } catch let status as Status {
        #expect(status.code == .cancelled)
      }
      #expect(await eventually { server.seen.now.cancelled == 1 })
    }
  }

  @Test(arguments: Transport.allCases)
  func lettingGoCancels(transport: Transport) async throws {
    try await TestServer.run(transport) { server async throws in
      do {
        let call = server.channel.serverStreaming(TestMethods.forever, RawMessage("x")).call
        _ = try await call.next()
      }
      #expect(await eventually { server.seen.now.cancelled == 1 })
    }
  }

  @Test(arguments: Transport.allCases)
  func slowReaderStopsTheWriter(transport: Transport) async throws {
    try await TestServer.run(transport) { server async throws in
      let call = server.channel.serverStreaming(
        TestMethods.forever, RawMessage(bytes: [UInt8](repeating: 1, count: 10_000))
      ).call
      _ = try await call.next()
      #expect(await server.seen.standStill())
      #expect(server.seen.now.written < 500)
      for _ in 0..<1000 { _ = try await call.next() }
      #expect(server.seen.now.written >= 1000)
      call.cancel()
      #expect(await eventually { server.seen.now.cancelled == 1 })
    }
  }

  @Test(arguments: Transport.allCases)
  func slowHandlerStopsTheClient(transport: Transport) async throws {
    try await TestServer.run(transport) { server async throws in
      let call = server.channel.bidirectional(TestMethods.ignore)
      let written = Observations()
      let writer = Task {
        while true {
          try await call.write(RawMessage(bytes: [UInt8](repeating: 1, count: 10_000)))
          written.change { $0.written += 1 }
        }
      }
      #expect(await written.standStill())
      #expect(written.now.written < 500)
      call.cancel()
      await #expect(throws: Status.self) { try await writer.value }
      #expect(await eventually { server.seen.now.cancelled == 1 })
    }
  }

  @Test(arguments: [Transport.tcp, .unix], [0, 65_531, 65_536, 300_000, 4 << 20])
  func messagesLongerThanTheWindowPass(transport: Transport, size: Int) async throws {
    try await TestServer.run(transport) { server async throws in
      let message = RawMessage(bytes: [UInt8](repeating: 3, count: size))
      #expect(try await server.channel.unary(TestMethods.echo, message) == message)
    }
  }

  @Test func messageLimitsHold() async throws {
    try await TestServer.run(.tcp, requestLimit_bytes: 1000) { server async throws in
      let fits = RawMessage(bytes: [UInt8](repeating: 3, count: 1000))
      #expect(try await server.channel.unary(TestMethods.echo, fits) == fits)
      for size in [1001, 3_000_000] {
        let long = RawMessage(bytes: [UInt8](repeating: 3, count: size))
        do {
          _ = try await server.channel.unary(TestMethods.echo, long)
          Issue.record("no error")
        } catch let status as Status {
          #expect(status.code == .resourceExhausted)
        }
      }
      do {
        _ = try await server.channel.unary(
          TestMethods.echo, fits, options: CallOptions(responseLimit_bytes: 999))
        Issue.record("no error")
      } catch let status as Status {
        #expect(status.code == .resourceExhausted)
      }
      let huge = RawMessage(bytes: [UInt8](repeating: 3, count: (4 << 20) + 1))
      await #expect(throws: Status.self) { try await server.channel.unary(TestMethods.echo, huge) }
    }
  }

  @Test func handlersOffTheLoopMayStillWrite() async throws {
    let away = Method<RawMessage, RawMessage>("test.Test", "Away", .bidirectional)
    try await TestServer.run(
      .tcp,
      extra: { router in
        router.register(bidirectional: away) { requests, responses, _ in
          try await Task.detached {
            for try await request in requests { try await responses.write(request) }
          }.value
        }
      }
    ) { server async throws in
      let call = server.channel.bidirectional(away)
      for number in 0..<100 {
        try await call.write(RawMessage("\(number)"))
        #expect(try await call.next()?.text == "\(number)")
      }
      call.finishWriting()
      #expect(try await call.next() == nil)
    }
  }
}
