import NIOPosix
import WebSocket

/// Lets an Autobahn fuzzing server put our client through its cases: it asks how many there are, then opens a
/// connection for each and echoes.
struct FuzzedClient {
  private let client: WebSocketClient
  private let address: WebSocketAddress
  private let host: String

  init(_ host: String, _ configuration: WebSocketConfiguration) {
    let parts = host.split(separator: ":")
    client = WebSocketClient(group: MultiThreadedEventLoopGroup.singleton, configuration: configuration)
    address = .tcp(host: String(parts.first ?? "127.0.0.1"), port: parts.last.flatMap { Int($0) } ?? 0)
    self.host = host
  }

  func run() async throws {
    let count = try await Int(text(of: "/getCaseCount")) ?? 0
    for index in 1...max(1, count) { try await echo("/runCase?case=\(index)&agent=lifeecho") }
    _ = try await text(of: "/updateReports?agent=lifeecho")
  }

  private func text(of target: String) async throws -> String {
    let (texts, continuation) = AsyncStream.makeStream(of: String.self)
    _ = try await client.connect(to: address, target: target, host: host) { _ in
      LastText { text in
        continuation.yield(text)
        continuation.finish()
      }
    }
    for await text in texts { return text }
    return ""
  }

  private func echo(_ target: String) async throws {
    let (ends, continuation) = AsyncStream.makeStream(of: Void.self)
    _ = try await client.connect(to: address, target: target, host: host) { connection in
      Echo(connection) { continuation.finish() }
    }
    for await _ in ends {}
  }
}
