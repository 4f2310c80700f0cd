import Protobuf
import TestSupport
import Testing

@testable import RPC

/// The same behaviour over a network and within the process.
@Suite(.serialized) struct CallTests {
  @Test(arguments: Transport.allCases)
  func unaryAnswers(transport: Transport) async throws {
    try await TestServer.run(transport) { server async throws in
      #expect(try await server.channel.unary(TestMethods.echo, RawMessage("你好")).text == "你好")
      #expect(try await server.channel.unary(TestMethods.echo, RawMessage("")).text == "")
    }
  }

  @Test(arguments: Transport.allCases)
  func metadataGoesBothWays(transport: Transport) async throws {
    try await TestServer.run(transport) { server async throws in
      var options = CallOptions(metadata: [
        "echo-a": "1", "echo-b": "2", "echo-a": "3", "x-request-id": "rid",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      ])
      options.metadata.append("echo-x-bin", [0, 1, 255])
      let response = try await server.channel.unaryResponse(TestMethods.metadata, RawMessage(""), options: options)
      for metadata in [response.initialMetadata, response.trailingMetadata] {
        #expect(metadata.values("echo-a") == ["1", "3"])
        #expect(metadata["echo-b"] == "2")
        #expect(metadata.binaryValues("echo-x-bin") == [[0, 1, 255]])
      }
      #expect(response.trailingMetadata["x-request-id"] == "rid")
      #expect(response.message.text == "0af7651916cd43dd8448eb211c80319c")
    }
  }

  @Test(arguments: Transport.allCases)
  func errorsComeWhole(transport: Transport) async throws {
    try await TestServer.run(transport) { server async throws in
      let call = server.channel.begin(TestMethods.fail, request: RawMessage(""), options: CallOptions())
      do {
        _ = try await call.single()
        Issue.record("no error")
      } catch let status as Status {
        #expect(status.code == .failedPrecondition)
        #expect(status.message == "不行 100%")
        #expect(status.detail(GoogleRPC.ErrorInfo.self)?.reason == "BAD")
      }
      #expect(call.trailingMetadata["x-trailing"] == "t")
    }
  }

  @Test(arguments: Transport.allCases)
  func faultsLeakNothing(transport: Transport) async throws {
    try await TestServer.run(transport) { server async throws in
      await #expect(throws: Status(.internal, "internal error")) {
        try await server.channel.unary(TestMethods.fault, RawMessage(""))
      }
      await #expect(throws: Status(.unimplemented, "no method /test.Test/Unknown")) {
        try await server.channel.unary(TestMethods.unknown, RawMessage(""))
      }
    }
  }

  @Test(arguments: Transport.allCases, [0, 1, 17, 5000])
  func serverStreams(transport: Transport, count: Int) async throws {
    try await TestServer.run(transport) { server async throws in
      var found: [String] = []
      for try await message in server.channel.serverStreaming(TestMethods.count, RawMessage("\(count)")) {
        found.append(message.text)
      }
      #expect(found == (0..<count).map { "\($0)" })
    }
  }

  @Test(arguments: Transport.allCases)
  func streamFailsAfterMessages(transport: Transport) async throws {
    try await TestServer.run(transport) { server async throws in
      let call = server.channel.serverStreaming(TestMethods.failAfter, RawMessage("x")).call
      #expect(try await call.next()?.text == "x")
      await #expect(throws: Status(.aborted, "after one")) { try await call.next() }
      await #expect(throws: Status(.aborted, "after one")) { try await call.next() }
    }
  }

  /// Both are there before anybody reads.
  @Test(arguments: Transport.allCases)
  func aMessageComesBeforeTheFailureThatFollowedIt(transport: Transport) async throws {
    try await TestServer.run(transport) { server async throws in
      let call = server.channel.serverStreaming(TestMethods.failAfter, RawMessage("x")).call
      #expect(await eventually { call.trailingMetadata["after"] == "one" })
      #expect(try await call.next()?.text == "x")
      await #expect(throws: Status(.aborted, "after one")) { try await call.next() }
    }
  }

  @Test(arguments: Transport.allCases)
  func clientStreams(transport: Transport) async throws {
    try await TestServer.run(transport) { server async throws in
      let total = try await server.channel.clientStreaming(TestMethods.sum) { call in
        for _ in 0..<300 { try await call.write(RawMessage(bytes: [UInt8](repeating: 1, count: 10_000))) }
      }
      #expect(total.text == "3000000")
      #expect(try await server.channel.clientStreaming(TestMethods.sum) { _ in }.text == "0")
    }
  }

  @Test(arguments: Transport.allCases)
  func bothStream(transport: Transport) async throws {
    try await TestServer.run(transport) { server async throws in
      let call = server.channel.bidirectional(TestMethods.chat)
      for number in 0..<50 {
        try await call.write(RawMessage("\(number)"))
        #expect(try await call.next()?.text == "\(number)")
      }
      call.finishWriting()
      #expect(try await call.next() == nil)
      await #expect(throws: Status.self) { try await call.write(RawMessage("late")) }
    }
  }

  @Test(arguments: Transport.allCases)
  func bothStreamAtOnce(transport: Transport) async throws {
    try await TestServer.run(transport) { server async throws in
      let call = server.channel.bidirectional(TestMethods.chat)
      let payload = RawMessage(bytes: [UInt8](repeating: 7, count: 100_000))
      async let writing: Void = {
        for _ in 0..<100 { try await call.write(payload) }
        call.finishWriting()
      }()
      var count = 0
      for try await message in call.responses {
        #expect(message == payload)
        count += 1
      }
      try await writing
      #expect(count == 100)
    }
  }

  @Test(arguments: Transport.allCases)
  func serverMayEndFirst(transport: Transport) async throws {
    try await TestServer.run(transport) { server async throws in
      let call = server.channel.bidirectional(TestMethods.early)
      #expect(try await call.next()?.bytes == [1])
      #expect(try await call.next() == nil)
      await #expect(throws: Status.self) { while true { try await call.write(RawMessage("x")) } }
    }
  }

  @Test(arguments: Transport.allCases)
  func severalRequestsToAUnaryMethodAreRefused(transport: Transport) async throws {
    let twice = Method<RawMessage, RawMessage>("test.Test", "Echo", .bidirectional)
    try await TestServer.run(transport) { server async throws in
      let two = server.channel.bidirectional(twice)
      try await two.write(RawMessage("1"))
      try? await two.write(RawMessage("2"))
      two.finishWriting()
      await #expect(throws: Status.severalRequests) { try await two.next() }
      let none = server.channel.bidirectional(twice)
      none.finishWriting()
      await #expect(throws: Status.missingRequest) { try await none.next() }
    }
  }

  @Test(arguments: Transport.allCases)
  func typesMayDiffer(transport: Transport) async throws {
    let health = HealthService(HealthRegistry())
    try await TestServer.run(transport, extra: { health.register(on: &$0) }) { server async throws in
      let dynamic = Method<RawMessage, RawMessage>("grpc.health.v1.Health", "Check", .unary)
      #expect(try await server.channel.unary(dynamic, RawMessage("")).bytes == [8, 1])
      await #expect(throws: Status.self) { try await server.channel.unary(dynamic, RawMessage(bytes: [0xFF])) }
      do {
        _ = try await server.channel.unary(dynamic, RawMessage(bytes: [0x0A, 1, 0xFF]))
      } catch let status as Status {
        #expect(status.code == .invalidArgument)
        #expect(status.detail(GoogleRPC.BadRequest.self)?.fieldViolations.first?.field == "service")
      }
    }
  }
}
