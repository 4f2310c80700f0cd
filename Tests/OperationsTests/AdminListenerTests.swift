import Foundation
import Logging
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import Operations

@Suite struct AdminListenerTests {
  final class Health: Sendable {
    let problems = Mutex<[String]>([])
  }

  static func start(
    _ health: Health = Health(), on endpoint: Endpoint = .tcp(host: "127.0.0.1", port: 0), metrics: String = "a 1\n",
    readiness: (@Sendable () async -> [String])? = nil
  ) async throws -> AdminListener {
    let routes = AdminRoutes(
      metrics: { metrics }, livenessProblems: { [] },
      readinessProblems: readiness ?? { health.problems.withLock { $0 } })
    return try await AdminListener.start(on: endpoint, routes: routes, group: MultiThreadedEventLoopGroup.singleton)
  }

  /// Status, header fields and body, as curl saw them.
  static func curl(_ arguments: String...) async throws -> (status: String, head: String, body: String) {
    let command = try await Command(["curl", "--silent", "--show-error", "--include", "--max-time", "60"] + arguments)
    let parts = command.output.components(separatedBy: "\r\n\r\n")
    let status = parts[0].split(separator: " ").dropFirst().first.map(String.init) ?? command.output
    return (status, parts[0].lowercased(), parts.dropFirst().joined(separator: "\r\n\r\n"))
  }

  @Test func answersTheRoutes() async throws {
    let health = Health()
    let listener = try await Self.start(health)
    let base = "http://\(listener.endpoint)"
    let metrics = try await Self.curl("\(base)/metrics?x=1")
    #expect(metrics.status == "200" && metrics.body == "a 1\n")
    #expect(metrics.head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"))
    #expect(try await Self.curl("\(base)/healthz").body == "ok\n")
    #expect(try await Self.curl("\(base)/readyz").body == "ok\n")
    health.problems.withLock { $0 = ["draining", "no database"] }
    let unready = try await Self.curl("\(base)/readyz")
    #expect(unready.status == "503" && unready.body == "draining\nno database\n")
    #expect(try await Self.curl("\(base)/healthz").status == "200")
    await listener.stop()
  }

  @Test func refusesTheRest() async throws {
    let listener = try await Self.start()
    let base = "http://\(listener.endpoint)"
    #expect(try await Self.curl("\(base)/").status == "404")
    #expect(try await Self.curl("\(base)/metrics/").status == "404")
    let post = try await Self.curl("--data", "x=1", "\(base)/metrics")
    #expect(post.status == "405" && post.head.contains("allow: get, head"))
    #expect(try await Self.curl("--request", "DELETE", "\(base)/readyz").status == "405")
    let head = try await Self.curl("--head", "\(base)/metrics")
    #expect(head.status == "200" && head.head.contains("content-length: 4") && head.body.isEmpty)
    let long = "x: " + String(repeating: "y", count: Limits.adminHeaderBytes)
    #expect(try await Self.curl("--header", long, "\(base)/healthz").status != "200")
    await listener.stop()
  }

  @Test func keepsAConnection() async throws {
    let listener = try await Self.start()
    let url = "http://\(listener.endpoint)/healthz"
    let command = try await Command(["curl", "--silent", "--verbose", url, url])
    #expect(command.output.contains("Re-using existing connection") && command.output.contains("ok\n"))
    await listener.stop()
  }

  @Test func largeMetricsArriveWhole() async throws {
    let text = String(repeating: "metric_name{label=\"value\"} 12345\n", count: 60_000)
    let listener = try await Self.start(metrics: text)
    #expect(try await Self.curl("http://\(listener.endpoint)/metrics").body == text)
    await listener.stop()
  }

  @Test func aStuckCheckIsNotReady() async throws {
    let listener = try await Self.start(readiness: {
      try? await Task.sleep(for: .seconds(60))
      return []
    })
    let answer = try await Self.curl("http://\(listener.endpoint)/readyz")
    #expect(answer.status == "503" && answer.body.contains("did not answer in time"))
    await listener.stop()
  }

  @Test func listensOnAUnixSocket() async throws {
    let folder = try TemporaryFolder()
    let path = folder.path("a.sock")
    for _ in 0..<2 {
      let listener = try await Self.start(on: .unix(path: path))
      #expect(try await Self.curl("--unix-socket", path, "http://x/healthz").body == "ok\n")
      await listener.stop()
    }
  }

  @Test func saysWhyItCannotListen() async throws {
    let listener = try await Self.start()
    await #expect { try await Self.start(on: listener.endpoint) } throws: {
      "\($0)".contains("admin.address: cannot listen on \(listener.endpoint)")
        && "\($0)".contains("Address already in use")
    }
    await listener.stop()
  }

  /// Connections beyond the bound are closed at once; those within it still answer.
  @Test func boundsItsConnections() async throws {
    let listener = try await Self.start()
    guard case .tcp(let host, let port) = listener.endpoint else { return }
    let closed = Mutex(0)
    var channels: [any Channel] = []
    for _ in 0..<(Limits.adminConnections + 10) {
      let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connect(host: host, port: port).get()
      channel.closeFuture.whenComplete { _ in closed.withLock { $0 += 1 } }
      channels.append(channel)
    }
    try await waitUntil { closed.withLock { $0 } == 10 }
    for channel in channels { try? await channel.close().get() }
    try await waitUntil { closed.withLock { $0 } == channels.count }
    try await waitUntil { (try? await Self.curl("http://\(listener.endpoint)/healthz").status) == "200" }
    await listener.stop()
  }

  /// A client that connects and says nothing, or half a request, is gone after the timeout.
  @Test func silentClientsAreClosed() async throws {
    let listener = try await Self.start()
    guard case .tcp(let host, let port) = listener.endpoint else { return }
    let start = ContinuousClock.now
    var channels: [any Channel] = []
    for text in ["", "GET /healthz HTTP/1.1\r\n"] {
      let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connect(host: host, port: port).get()
      if !text.isEmpty { try await channel.writeAndFlush(ByteBuffer(string: text)).get() }
      channels.append(channel)
    }
    for channel in channels { try await channel.closeFuture.get() }
    #expect(ContinuousClock.now - start < .seconds(4 * Limits.adminTimeout_s))
    await listener.stop()
  }
}
