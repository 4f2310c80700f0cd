import CNGHTTP2
import Foundation
import Logging
import NIOCore
import NIOPosix
import Protobuf
import Synchronization
import TestSupport
import Testing

@testable import HTTP2
@testable import RPC

@Suite(.serialized) struct GRPCServerTests {
  private func server(_ addresses: [ListenAddress]) -> GRPCServer {
    GRPCServer(
      configuration: .init(addresses: addresses),
      policy: ServerPolicy(router: ServerRouter(), logger: .init(label: "test")),
      group: MultiThreadedEventLoopGroup.singleton)
  }

  @Test func portInUseIsSaidClearly() async throws {
    let first = server([.tcp(host: "127.0.0.1", port: 0)])
    let bound = try await first.start()
    let second = server([.tcp(host: "127.0.0.1", port: 0), bound[0]])
    do {
      _ = try await second.start()
      Issue.record("no error")
    } catch let error as GRPCServer.StartError {
      #expect(error.description.contains("\(bound[0])"))
      #expect(error.description.contains("in use"))
    }
    await first.stop(grace: .zero)
    let third = server([bound[0]])
    #expect(try await third.start() == bound)
    await third.stop(grace: .zero)
  }

  @Test func unixSocketFilesAreHandled() async throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("rpc-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let path = directory.path + "/s"

    let first = server([.unix(path: path)])
    _ = try await first.start()
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    #expect(attributes[.posixPermissions] as? Int == 0o660)
    await #expect(throws: GRPCServer.StartError.self) { try await server([.unix(path: path)]).start() }
    await first.stop(grace: .zero)
    #expect(!FileManager.default.fileExists(atPath: path))

    try abandonSocket(path)
    let second = server([.unix(path: path)])
    _ = try await second.start()
    await second.stop(grace: .zero)

    try Data("precious".utf8).write(to: URL(fileURLWithPath: path))
    await #expect(throws: GRPCServer.StartError.self) { try await server([.unix(path: path)]).start() }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
    let long = directory.path + "/" + String(repeating: "x", count: 108)
    await #expect(throws: GRPCServer.StartError.self) { try await server([.unix(path: long)]).start() }
  }

  /// Leaves a socket file that nobody listens on, as a killed server does.
  private func abandonSocket(_ path: String) throws {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    let result = try SocketAddress(unixDomainSocketPath: path).withSockAddr { bind(descriptor, $0, socklen_t($1)) }
    try #require(result == 0)
    #expect(FileManager.default.fileExists(atPath: path))
  }

  @Test func stopLetsCallsFinish() async throws {
    let slow = Method<RawMessage, RawMessage>("test.Test", "Slow", .unary)
    let mayFinish = Mutex(false)
    let server = try await TestServer.start(
      extra: { router in
        router.register(unary: slow) { request, _ in
          try await waitUntil("the stop") { mayFinish.withLock { $0 } }
          return request
        }
      })
    async let answer = server.channel.unary(slow, RawMessage("x"))
    #expect(await eventually { await server.server.liveCounts().handlers == 1 })
    async let closed = server.server.stop(grace: .seconds(60))
    try await waitUntil("no new calls") {
      (try? await server.channel.unary(TestMethods.echo, RawMessage("x"))) == nil
    }
    let start = ContinuousClock.now
    mayFinish.withLock { $0 = true }
    #expect(await closed == 0)
    #expect(start.duration(to: .now) < .seconds(30), "the grace was waited for")
    #expect(try await answer.text == "x")
    await server.stop()
  }

  @Test func stopCancelsAfterTheGracePeriod() async throws {
    let server = try await TestServer.start()
    async let answer = server.channel.unary(TestMethods.block, RawMessage(""))
    #expect(await eventually { server.seen.now.started == 1 })
    #expect(await server.server.stop(grace: .milliseconds(50)) == 1)
    do {
      _ = try await answer
      Issue.record("no error")
    } catch let status as Status {
      #expect(status.code == .unavailable)
    }
    #expect(server.seen.now.cancelled == 1)
    #expect(await server.server.liveCounts() == (0, 0))
    await server.stop()
  }

  @Test func nothingIsLeftAfterManyConnections() async throws {
    let server = try await TestServer.start()
    for round in 0..<30 {
      let channel = NetworkChannel(server.address, group: server.group)
      if round % 3 == 0 {
        let call = channel.serverStreaming(TestMethods.forever, RawMessage("x")).call
        _ = try await call.next()
      }
      #expect(try await channel.unary(TestMethods.echo, RawMessage("a")).text == "a")
      await channel.shutdown(immediately: round % 2 == 0)
    }
    #expect(await eventually { await server.server.liveCounts() == (0, 0) })
    await server.stop()
  }

  @Test func lostConnectionCancelsHandlersAndTheNextCallReconnects() async throws {
    let server = try await TestServer.start()
    let channel = server.channel
    let lost = Task { try await channel.unary(TestMethods.block, RawMessage("")) }
    #expect(await eventually { server.seen.now.started == 1 })
    await server.server.stop(grace: .zero)
    await #expect(throws: Status.self) { try await lost.value }
    let again = GRPCServer(
      configuration: .init(addresses: [server.address]),
      policy: ServerPolicy(
        router: {
          var router = ServerRouter()
          router.register(unary: TestMethods.echo) { request, _ in request }
          return router
        }(), logger: .init(label: "test")),
      group: server.group)
    _ = try await again.start()
    let options = CallOptions(timeout: .seconds(20), waitForReady: true)
    #expect(try await channel.unary(TestMethods.echo, RawMessage("again"), options: options).text == "again")
    await again.stop(grace: .zero)
    await server.stop()
  }

  /// The call that finds none left goes over another connection, and those that are open live on.
  @Test func aChannelOutlivesItsStreamIdentifiers() async throws {
    try await TestServer.run { server async throws in
      let channel = try #require(server.channel as? NetworkChannel)
      let open = channel.bidirectional(TestMethods.chat)
      try await open.write(RawMessage("1"))
      #expect(try await open.next()?.text == "1")
      let connector = channel.connector
      let isSet = try await connector.loop.submit {
        nghttp2_session_set_next_stream_id(connector.connection?.handler?.session.library, 0x7fff_fffd)
      }.get()
      #expect(isSet == 0)
      let options = CallOptions(timeout: .seconds(10))
      let texts = try await withThrowingTaskGroup(of: String.self) { group in
        for number in 0..<10 {
          group.addTask { try await channel.unary(TestMethods.echo, RawMessage("\(number)"), options: options).text }
        }
        return try await group.reduce(into: Set()) { $0.insert($1) }
      }
      #expect(texts.count == 10)
      try await open.write(RawMessage("2"))
      #expect(try await open.next()?.text == "2")
      open.finishWriting()
      #expect(try await open.next() == nil)
    }
  }

  @Test func unreachableServerFailsFastOrWaits() async throws {
    let probe = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .bind(host: "127.0.0.1", port: 0).get()
    let port = try #require(probe.localAddress?.port)
    try await probe.close().get()
    let channel = NetworkChannel(.tcp(host: "127.0.0.1", port: port), group: MultiThreadedEventLoopGroup.singleton)
    do {
      _ = try await channel.unary(TestMethods.echo, RawMessage(""))
      Issue.record("no error")
    } catch let status as Status {
      #expect(status.code == .unavailable)
      #expect(status.message.contains("\(port)"))
    }
    do {
      _ = try await channel.unary(
        TestMethods.echo, RawMessage(""), options: CallOptions(timeout: .milliseconds(50), waitForReady: true))
      Issue.record("no error")
    } catch let status as Status {
      #expect(status.code == .deadlineExceeded)
    }
    await channel.shutdown()
    do {
      _ = try await channel.unary(TestMethods.echo, RawMessage(""))
      Issue.record("no error")
    } catch let status as Status {
      #expect(status.code == .unavailable)
    }
  }

  @Test func connectionsAreBounded() async throws {
    var router = ServerRouter()
    router.register(unary: TestMethods.echo) { request, _ in request }
    let server = GRPCServer(
      configuration: .init(addresses: [.tcp(host: "127.0.0.1", port: 0)], connectionLimit: 1),
      policy: ServerPolicy(router: router, logger: .init(label: "test")), group: MultiThreadedEventLoopGroup.singleton)
    let address = try await server.start()[0]
    let first = NetworkChannel(address, group: MultiThreadedEventLoopGroup.singleton)
    #expect(try await first.unary(TestMethods.echo, RawMessage("x")).text == "x")
    let second = NetworkChannel(address, group: MultiThreadedEventLoopGroup.singleton)
    await #expect(throws: Status.self) { try await second.unary(TestMethods.echo, RawMessage("x")) }
    #expect(try await first.unary(TestMethods.echo, RawMessage("x")).text == "x")
    await first.shutdown()
    await second.shutdown()
    await server.stop(grace: .seconds(5))
  }

  /// Who came and never called makes room for those who want to.
  @Test func aFullServerSendsIdleConnectionsAway() async throws {
    var router = ServerRouter()
    router.register(unary: TestMethods.echo) { request, _ in request }
    router.register(unary: TestMethods.block) { request, _ in
      try await Task.sleep(for: .seconds(60))
      return request
    }
    let group = MultiThreadedEventLoopGroup.singleton
    let server = GRPCServer(
      configuration: .init(
        addresses: [.tcp(host: "127.0.0.1", port: 0)], connectionLimit: 3, roomInterval: .milliseconds(200)),
      policy: ServerPolicy(router: router, logger: .init(label: "test")), group: group)
    let address = try await server.start()[0]
    let busy = NetworkChannel(address, group: group)
    let blocked = Task { try await busy.unary(TestMethods.block, RawMessage("x")) }
    var strangers: [any Channel] = []
    for _ in 0..<2 {
      guard case .tcp(let host, let port) = address else { return }
      strangers.append(try await ClientBootstrap(group: group).connect(host: host, port: port).get())
    }
    #expect(await eventually { server.isFull })
    let waiting = NetworkChannel(address, reconnectMaximum: .milliseconds(100), group: group)
    let options = CallOptions(timeout: .seconds(30), waitForReady: true)
    #expect(try await waiting.unary(TestMethods.echo, RawMessage("x"), options: options).text == "x")
    #expect(await server.liveCounts().handlers == 1, "a connection with a call is not idle")
    await waiting.shutdown()
    await busy.shutdown(immediately: true)
    await #expect(throws: Status.self) { try await blocked.value }
    for stranger in strangers { try? await stranger.close() }
    await server.stop(grace: .seconds(5))
  }

  @Test func connectionsWithoutCallsAreClosed() async throws {
    var router = ServerRouter()
    router.register(unary: TestMethods.echo) { request, _ in request }
    let group = MultiThreadedEventLoopGroup.singleton
    let server = GRPCServer(
      configuration: .init(addresses: [.tcp(host: "127.0.0.1", port: 0)], connectionIdle: .milliseconds(200)),
      policy: ServerPolicy(router: router, logger: .init(label: "test")), group: group)
    let channel = NetworkChannel(try await server.start()[0], group: group)
    for _ in 0..<2 {
      #expect(try await channel.unary(TestMethods.echo, RawMessage("x")).text == "x")
      #expect(server.connectionCount == 1)
      #expect(await eventually { server.connectionCount == 0 })
    }
    await channel.shutdown()
    await server.stop(grace: .seconds(5))
  }

  /// A stream of requests whose client says nothing, and a request that ends in the middle.
  @Test func unfinishedRequestsDoNotHoldUpTheStop() async throws {
    let server = try await TestServer.start()
    let silent = server.channel.bidirectional(TestMethods.chat)
    try await silent.write(RawMessage("x"))
    #expect(try await silent.next()?.text == "x")
    let half = server.channel.bidirectional(
      Method<RawMessage, RawMessage>("test.Test", "Echo", .bidirectional))
    try await half.write(RawMessage("x"))
    #expect(await eventually { await server.server.liveCounts().handlers == 1 })
    let start = ContinuousClock.now
    #expect(await server.server.stop(grace: .seconds(20)) == 0)
    #expect(start.duration(to: .now) < .seconds(10))
    for call in [silent, half] {
      let status = await #expect(throws: Status.self) { while try await call.next() != nil {} }
      #expect(status?.code == .unavailable)
    }
    await server.stop()
  }

  @Test func moreCallsThanStreamsWaitTheirTurn() async throws {
    var http2 = HTTP2Configuration()
    http2.maxConcurrentStreams = 4
    try await TestServer.run(.tcp, http2: http2) { server async throws in
      let total = try await withThrowingTaskGroup(of: Int.self) { group in
        for number in 0..<200 {
          group.addTask {
            try await server.channel.unary(TestMethods.echo, RawMessage("\(number)")).text == "\(number)" ? 1 : 0
          }
        }
        return try await group.reduce(0, +)
      }
      #expect(total == 200)
    }
  }

  @Test(arguments: [
    (["POST", "application/grpc"], 200), (["POST", "application/grpc+proto"], 200),
    (["POST", "application/grpc;x"], 200), (["POST", "application/grpc-web"], 415),
    (["POST", "application/json"], 415),
    (["GET", "application/grpc"], 405),
  ])
  func foreignRequestsAreAnsweredOnTheHTTPLevel(request: [String], status: Int) {
    let block = HeaderBlock([
      (":method", request[0]), (":scheme", "http"), (":path", "/test.Test/Echo"), ("content-type", request[1]),
    ])
    var router = ServerRouter()
    router.register(unary: TestMethods.echo) { request, _ in request }
    let methods = ServerPolicy(router: router, logger: .init(label: "test")).methods
    switch (RequestHead.read(block, methods: methods), status) {
    case (.plain, 200): break
    case (.reject(let fields), 405): #expect(fields.count == 2)
    case (.reject(let fields), 415): #expect(fields.count == 4)
    default: Issue.record("unexpected")
    }
  }

  @Test(arguments: [
    ("grpc-timeout", "x", StatusCode.internal), ("grpc-encoding", "gzip", .unimplemented),
  ])
  func badFieldsEndTheCall(name: String, value: String, code: StatusCode) {
    let block = HeaderBlock([
      (":method", "POST"), (":path", "/test.Test/Echo"), ("content-type", "application/grpc"), (name, value),
    ])
    var router = ServerRouter()
    router.register(unary: TestMethods.echo) { request, _ in request }
    let methods = ServerPolicy(router: router, logger: .init(label: "test")).methods
    guard case .call(_, nil, let problem) = RequestHead.read(block, methods: methods) else {
      Issue.record("unexpected")
      return
    }
    #expect(problem?.code == code)
  }
}
