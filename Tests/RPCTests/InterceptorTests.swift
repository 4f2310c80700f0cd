import CoreMetrics
import Logging
import Metrics
import Protobuf
import Synchronization
import TestSupport
import Testing

@testable import RPC

@Suite(.serialized) struct InterceptorTests {
  private struct NameKey: ContextKey { typealias Value = String }

  private struct Naming: ServerInterceptor {
    let log: Log
    let name: String
    func intercept(_ context: ServerContext, next: (ServerContext) async throws -> Void) async throws {
      log.add("\(name)>")
      context[NameKey.self] = (context[NameKey.self] ?? "") + name
      do {
        try await next(context)
        log.add("\(name)<")
      } catch {
        log.add("\(name)!\((error as? Status)?.code.name ?? "?")")
        throw error
      }
    }
  }

  private struct Refusing: ServerInterceptor {
    func intercept(_ context: ServerContext, next: (ServerContext) async throws -> Void) async throws {
      guard context.metadataValue("authorization") == "yes" else { throw Status(.unauthenticated, "no token") }
      try await next(context)
    }
  }

  final class Log: Sendable {
    private let lines = Mutex<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    func take() -> [String] {
      lines.withLock { lines in
        defer { lines = [] }
        return lines
      }
    }
  }

  @Test(arguments: Transport.allCases)
  func interceptorsNestAndSeeStatuses(transport: Transport) async throws {
    let log = Log()
    let interceptors: [any ServerInterceptor] = [Naming(log: log, name: "a"), Refusing(), Naming(log: log, name: "b")]
    let name = Method<RawMessage, RawMessage>("test.Test", "Name", .unary)
    try await TestServer.run(
      transport, interceptors: interceptors,
      extra: { router in
        router.register(unary: name) { _, context in RawMessage(context[NameKey.self] ?? "") }
      }
    ) { server async throws in
      let options = CallOptions(metadata: ["authorization": "yes"])
      #expect(try await server.channel.unary(name, RawMessage(""), options: options).text == "ab")
      #expect(log.take() == ["a>", "b>", "b<", "a<"])
      _ = try? await server.channel.unary(TestMethods.fault, RawMessage(""), options: options)
      #expect(log.take() == ["a>", "b>", "b!INTERNAL", "a!INTERNAL"])
      await #expect(throws: Status(.unauthenticated, "no token")) {
        try await server.channel.unary(name, RawMessage(""))
      }
      #expect(log.take() == ["a>", "a!UNAUTHENTICATED"])
      var count = 0
      let counting = server.channel.serverStreaming(TestMethods.count, RawMessage("3"), options: options)
      for try await _ in counting { count += 1 }
      #expect(count == 3)
      #expect(log.take() == ["a>", "b>", "b<", "a<"])
      let short = CallOptions(metadata: ["authorization": "yes"], timeout: .milliseconds(30))
      _ = try? await server.channel.unary(TestMethods.block, RawMessage(""), options: short)
      var lines: [String] = []
      #expect(
        await eventually {
          lines += log.take()
          return lines.count == 4
        })
      let last = transport == .inProcess ? "a!DEADLINE_EXCEEDED" : lines.last ?? ""
      #expect(["a!DEADLINE_EXCEEDED", "a!CANCELLED"].contains(last))
    }
  }

  private struct Watching: CallObserver {
    let log: Log

    struct OfMethod: MethodObserver {
      let log: Log
      let name: String
      func callStarted(_ context: ServerContext) { log.add("\(name)>") }
      func callEnded(_ context: ServerContext, _ status: Status, duration_ns: Int64) {
        log.add("\(name)<\(status.code.name) \(duration_ns >= 0)")
      }
    }

    func observer(of method: MethodDescriptor?) -> any MethodObserver {
      OfMethod(log: log, name: method?.method ?? "other")
    }
  }

  /// Passes calls of the method "At" untouched.
  private struct Partial: ServerInterceptor {
    let log: Log
    func applies(to method: MethodDescriptor) -> Bool { method.method != "At" }
    func intercept(_ context: ServerContext, next: (ServerContext) async throws -> Void) async throws {
      log.add("partial>")
      try await next(context)
    }
  }

  @Test(arguments: Transport.allCases)
  func observersAreOutermostAndSeeEveryCall(transport: Transport) async throws {
    let log = Log()
    let atOnce = Method<RawMessage, RawMessage>("test.Test", "At", .unary)
    let interceptedAtOnce = Method<RawMessage, RawMessage>("test.Test", "Intercepted", .unary)
    try await TestServer.run(
      transport, interceptors: [Partial(log: log), Watching(log: log)],
      extra: { router in
        for method in [atOnce, interceptedAtOnce] {
          router.register(immediate: method) { request, _ in
            if request.text == "fault" { throw Fault() }
            return request
          }
        }
      }
    ) { server async throws in
      #expect(try await server.channel.unary(atOnce, RawMessage("x")).text == "x")
      #expect(log.take() == ["At>", "At<OK true"])
      await #expect(throws: Status(.internal, "internal error")) {
        try await server.channel.unary(atOnce, RawMessage("fault"))
      }
      #expect(log.take() == ["At>", "At<INTERNAL true"])
      #expect(try await server.channel.unary(interceptedAtOnce, RawMessage("y")).text == "y")
      #expect(log.take() == ["Intercepted>", "partial>", "Intercepted<OK true"])
      _ = try? await server.channel.unary(TestMethods.unknown, RawMessage(""))
      #expect(log.take() == ["other>", "other<UNIMPLEMENTED true"])
      var count = 0
      for try await _ in server.channel.serverStreaming(TestMethods.count, RawMessage("2")) { count += 1 }
      #expect(count == 2)
      #expect(log.take() == ["Count>", "partial>", "Count<OK true"])
    }
  }

  private struct Fault: Error {}

  @Test func loadIsShed() async throws {
    let limit = ConcurrencyLimitInterceptor(limit: 2, pushback_ms: 77)
    try await TestServer.run(.tcp, interceptors: [limit]) { server async throws in
      let running = (0..<2).map { _ in Task { try await server.channel.unary(TestMethods.block, RawMessage("")) } }
      #expect(await eventually { limit.current == 2 })
      let call = server.channel.begin(TestMethods.echo, request: RawMessage(""), options: CallOptions())
      await #expect(throws: Status(.unavailable, "the server is overloaded")) { try await call.single() }
      #expect(call.trailingMetadata["grpc-retry-pushback-ms"] == "77")
      for task in running { task.cancel() }
      #expect(await eventually { limit.current == 0 })
      #expect(try await server.channel.unary(TestMethods.echo, RawMessage("x")).text == "x")
    }
  }

  @Test func metricsAreNamedAsA66() async throws {
    let recorded = RecordingMetrics()
    try await TestServer.run(.tcp, interceptors: [MetricsInterceptor(factory: recorded)]) { server async throws in
      _ = try await server.channel.unary(TestMethods.echo, RawMessage("12345"))
      _ = try? await server.channel.unary(TestMethods.fail, RawMessage(""))
      _ = try? await server.channel.unary(TestMethods.unknown, RawMessage(""))
    }
    let values = recorded.values.withLock { $0 }
    #expect(values["grpc.server.call.started grpc.method=test.Test/Echo"] == 1)
    #expect(values["grpc.server.call.started grpc.method=other"] == 1)
    #expect(values["grpc.server.call.duration grpc.method=test.Test/Fail grpc.status=FAILED_PRECONDITION"] != nil)
    #expect(values["grpc.server.call.duration grpc.method=other grpc.status=UNIMPLEMENTED"] != nil)
    let echo = "grpc.method=test.Test/Echo grpc.status=OK"
    #expect(values["grpc.server.call.sent_total_compressed_message_size \(echo)"] == 5)
    #expect(values["grpc.server.call.rcvd_total_compressed_message_size \(echo)"] == 5)
    #expect(!values.keys.contains { $0.contains("Unknown") })
  }

  @Test func callsAreLoggedOnceWithoutContent() async throws {
    let lines = Log()
    var logger = Logger(label: "test") { _ in RecordingLogHandler(log: lines) }
    logger.logLevel = .debug
    try await TestServer.run(.tcp, interceptors: [LoggingInterceptor(logger: logger)]) { server async throws in
      let options = CallOptions(metadata: ["x-request-id": "rid-1", "authorization": "Bearer secret"])
      _ = try await server.channel.unary(TestMethods.echo, RawMessage("very private"), options: options)
      _ = try? await server.channel.unary(TestMethods.fail, RawMessage(""))
    }
    let found = lines.take()
    #expect(found.count == 2)
    #expect(found.first?.contains("debug") == true)
    #expect(found.first?.contains("rid-1") == true)
    #expect(found.first?.contains("grpc.status=OK") == true)
    #expect(found.last?.contains("info") == true)
    #expect(!found.contains { $0.contains("private") || $0.contains("secret") })
  }
}

private struct RecordingLogHandler: LogHandler {
  let log: InterceptorTests.Log
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.debug

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let fields = (event.metadata ?? [:]).map { "\($0.key)=\($0.value)" }.sorted().joined(separator: " ")
    log.add("\(event.level) \(event.message) \(fields)")
  }
}

/// Keeps the last value of each series.
private final class RecordingMetrics: MetricsFactory {
  let values = Mutex<[String: Int64]>([:])

  private final class Series: CounterHandler, RecorderHandler, TimerHandler, Sendable {
    let key: String
    let owner: RecordingMetrics
    init(_ key: String, _ owner: RecordingMetrics) {
      self.key = key
      self.owner = owner
    }
    func increment(by amount: Int64) { owner.values.withLock { $0[key, default: 0] += amount } }
    func reset() {}
    func record(_ value: Int64) { owner.values.withLock { $0[key] = value } }
    func record(_ value: Double) { record(Int64(value)) }
    func recordNanoseconds(_ duration: Int64) { record(duration) }
  }

  private func series(_ label: String, _ dimensions: [(String, String)]) -> Series {
    Series(([label] + dimensions.map { "\($0.0)=\($0.1)" }).joined(separator: " "), self)
  }

  func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler { series(label, dimensions) }
  func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
    series(label, dimensions)
  }
  func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler { series(label, dimensions) }
  func destroyCounter(_ handler: any CounterHandler) {}
  func destroyRecorder(_ handler: any RecorderHandler) {}
  func destroyTimer(_ handler: any TimerHandler) {}
}
