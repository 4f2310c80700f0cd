import Foundation
import HTTP2
import Logging
import NIOCore
import NIOPosix
import Protobuf
import Synchronization
import TestSupport

@testable import RPC

/// Where a call of a test goes.
enum Transport: CaseIterable, CustomStringConvertible, Sendable {
  case tcp, unix, inProcess

  var description: String {
    switch self {
    case .tcp: "TCP"
    case .unix: "Unix socket"
    case .inProcess: "in process"
    }
  }
}

/// Methods that tests call, on `RawMessage`.
enum TestMethods {
  static let echo = Method<RawMessage, RawMessage>("test.Test", "Echo", .unary)
  static let fail = Method<RawMessage, RawMessage>("test.Test", "Fail", .unary)
  static let fault = Method<RawMessage, RawMessage>("test.Test", "Fault", .unary)
  static let block = Method<RawMessage, RawMessage>("test.Test", "Block", .unary)
  static let metadata = Method<RawMessage, RawMessage>("test.Test", "Metadata", .unary)
  static let count = Method<RawMessage, RawMessage>("test.Test", "Count", .serverStreaming)
  static let failAfter = Method<RawMessage, RawMessage>("test.Test", "FailAfter", .serverStreaming)
  static let forever = Method<RawMessage, RawMessage>("test.Test", "Forever", .serverStreaming)
  static let sum = Method<RawMessage, RawMessage>("test.Test", "Sum", .clientStreaming)
  static let chat = Method<RawMessage, RawMessage>("test.Test", "Chat", .bidirectional)
  static let early = Method<RawMessage, RawMessage>("test.Test", "Early", .bidirectional)
  static let ignore = Method<RawMessage, RawMessage>("test.Test", "Ignore", .bidirectional)
  static let unknown = Method<RawMessage, RawMessage>("test.Test", "Unknown", .unary)
}

/// What handlers of a test server saw.
final class Observations: Sendable {
  struct Values {
    var started = 0
    var cancelled = 0
    var written = 0
    var read = 0
  }
  let values = Mutex(Values())

  func change(_ body: (inout Values) -> Void) { values.withLock { body(&$0) } }
  var now: Values { values.withLock { $0 } }

  /// True when something was written and then, for a while, nothing more: flow control stopped the writer.
  func standStill() async -> Bool {
    var last = -1
    return await eventually {
      let written = self.now.written
      defer { last = written }
      // A writer that is held up longer than that looks stopped: then a test sees too little, but never fails.
      try? await Task.sleep(for: .milliseconds(50))
      return written > 0 && written == last
    }
  }
}

struct UnexpectedFault: Error {}

/// A server with the test methods, and a channel to it.
struct TestServer {
  let server: GRPCServer
  let channel: any ClientChannel
  let address: ListenAddress
  let seen: Observations
  let group: any EventLoopGroup
  private let directory: String?

  static func start(
    _ transport: Transport = .tcp, interceptors: [any ServerInterceptor] = [],
    requestLimit_bytes: Int = RPC.Limits.message_bytes, unreadResponses_s: Int64 = RPC.Limits.unreadResponses_s,
    http2: HTTP2Configuration = HTTP2Configuration(), extra: (inout ServerRouter) -> Void = { _ in }
  ) async throws -> TestServer {
    let seen = Observations()
    var router = makeRouter(seen)
    extra(&router)
    var logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    logger.logLevel = .critical
    let policy = ServerPolicy(
      router: router, interceptors: interceptors, logger: logger, requestLimit_bytes: requestLimit_bytes,
      unreadResponses_s: unreadResponses_s)
    let group = MultiThreadedEventLoopGroup.singleton
    var directory: String?
    var address = ListenAddress.tcp(host: "127.0.0.1", port: 0)
    if transport == .unix {
      let name = "rpc-\(UUID().uuidString.prefix(8))"
      let made = FileManager.default.temporaryDirectory.appendingPathComponent(name).path
      try FileManager.default.createDirectory(atPath: made, withIntermediateDirectories: true)
      directory = made
      address = .unix(path: made + "/s")
    }
    let server = GRPCServer(
      configuration: .init(addresses: transport == .inProcess ? [] : [address], http2: http2), policy: policy,
      group: group)
    let bound = try await server.start()
    let channel: any ClientChannel =
      transport == .inProcess ? InProcessChannel(policy: policy, group: group) : NetworkChannel(bound[0], group: group)
    return TestServer(
      server: server, channel: channel, address: bound.first ?? address, seen: seen, group: group, directory: directory)
  }

  func stop(grace: Duration = .seconds(5)) async {
    await (channel as? NetworkChannel)?.shutdown()
    await server.stop(grace: grace)
    if let directory { try? FileManager.default.removeItem(atPath: directory) }
  }

  /// Starts, runs `body`, stops; then nothing may be left.
  static func run(
    _ transport: Transport = .tcp, interceptors: [any ServerInterceptor] = [],
    requestLimit_bytes: Int = RPC.Limits.message_bytes, http2: HTTP2Configuration = HTTP2Configuration(),
    extra: (inout ServerRouter) -> Void = { _ in },
    _ body: (TestServer) async throws -> Void
  ) async throws {
    let server = try await start(
      transport, interceptors: interceptors, requestLimit_bytes: requestLimit_bytes, http2: http2, extra: extra)
    do {
      try await body(server)
    } catch {
      await server.stop(grace: .zero)
      throw error
    }
    await server.stop()
    let left = await server.server.liveCounts()
    guard left == (0, 0) else { throw Status(.internal, "left over: \(left)") }
  }

  private static func makeRouter(_ seen: Observations) -> ServerRouter {
    var router = ServerRouter()
    router.register(unary: TestMethods.echo) { request, _ in request }
    router.register(unary: TestMethods.fail) { _, context in
      context.trailingMetadata.append("x-trailing", "t")
      throw Status(.failedPrecondition, "不行 100%", details: [GoogleRPC.ErrorInfo(reason: "BAD", domain: "test")])
    }
    router.register(unary: TestMethods.fault) { _, _ in throw UnexpectedFault() }
    router.register(unary: TestMethods.block) { request, _ in
      seen.change { $0.started += 1 }
      defer { seen.change { $0.cancelled += 1 } }
      try await Task.sleep(for: .seconds(60))
      return request
    }
    router.register(unary: TestMethods.metadata) { _, context in
      for entry in context.metadata.entries where entry.name.hasPrefix("echo-") {
        switch entry.value {
        case .text(let text):
          context.responseMetadata.append(entry.name, text)
          context.trailingMetadata.append(entry.name, text)
        case .bytes(let bytes):
          context.responseMetadata.append(entry.name, bytes)
          context.trailingMetadata.append(entry.name, bytes)
        }
      }
      return RawMessage(bytes: Array((context.traceparent?.traceID ?? "").utf8))
    }
    router.register(serverStreaming: TestMethods.count) { request, responses, _ in
      let count = Int(String(decoding: request.bytes, as: UTF8.self)) ?? 0
      for number in 0..<count { try await responses.write(RawMessage(bytes: Array("\(number)".utf8))) }
    }
    router.register(serverStreaming: TestMethods.failAfter) { request, responses, context in
      context.trailingMetadata.append("after", "one")
      try await responses.write(request)
      throw Status(.aborted, "after one")
    }
    router.register(serverStreaming: TestMethods.forever) { request, responses, _ in
      seen.change { $0.started += 1 }
      defer { seen.change { $0.cancelled += 1 } }
      while true {
        try await responses.write(request)
        seen.change { $0.written += 1 }
      }
    }
    router.register(clientStreaming: TestMethods.sum) { requests, _ in
      var total = 0
      for try await request in requests { total += request.bytes.count }
      return RawMessage(bytes: Array("\(total)".utf8))
    }
    router.register(bidirectional: TestMethods.chat) { requests, responses, _ in
      for try await request in requests { try await responses.write(request) }
    }
    router.register(bidirectional: TestMethods.early) { _, responses, _ in
      try await responses.write(RawMessage(bytes: [1]))
    }
    router.register(bidirectional: TestMethods.ignore) { requests, _, _ in
      seen.change { $0.started += 1 }
      defer { seen.change { $0.cancelled += 1 } }
      for try await _ in requests {
        seen.change { $0.read += 1 }
        if seen.now.read == 1 { try await Task.sleep(for: .seconds(60)) }
      }
    }
    return router
  }
}

extension RawMessage {
  init(_ text: String) { self.init(bytes: Array(text.utf8)) }
  var text: String { String(decoding: bytes, as: UTF8.self) }
}
