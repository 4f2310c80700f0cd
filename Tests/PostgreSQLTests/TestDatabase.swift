import Foundation
import Synchronization

@testable import PostgreSQL

/// One ephemeral cluster for all tests of this process. Its watcher removes it when the process ends.
enum TestDatabase {
  private static let started = Task<(cluster: PrivateCluster, url: String), any Error> {
    let cluster = PrivateCluster(
      configuration: PrivateClusterConfiguration(
        storage: .ephemeral, maximumConnections: 200, environment: ProcessInfo.processInfo.environment))
    return (cluster, try await cluster.start())
  }

  static var url: String { get async throws { try await started.value.url } }

  /// A pool for one test, stopped at its end.
  static func withPool<R: Sendable>(
    connectionCount: Int = 4, _ change: (inout PostgreSQLConfiguration) -> Void = { _ in },
    _ body: (PostgreSQLPool) async throws -> R
  ) async throws -> R {
    var configuration = PostgreSQLConfiguration(
      url: try await url, connectionCount: connectionCount, applicationName: "test-\(UInt64.random(in: 0 ... .max))")
    change(&configuration)
    let pool = PostgreSQLPool(configuration: configuration)
    try await pool.start()
    do {
      let value = try await body(pool)
      await pool.stop()
      return value
    } catch {
      await pool.stop()
      throw error
    }
  }
}

extension TestDatabase {
  private static let observing = Task<PostgreSQLPool, any Error> {
    let pool = PostgreSQLPool(
      configuration: PostgreSQLConfiguration(
        url: try await url, connectionCount: 16, waitTimeout: .seconds(60), applicationName: "test-observer"))
    try await pool.start()
    return pool
  }

  /// A pool beside the tested ones, which lives as long as the process.
  static var observer: PostgreSQLPool { get async throws { try await observing.value } }
}

extension PostgreSQLPool {
  /// Server processes of this pool that run a statement with the text in it. Asked through another connection.
  func running(_ text: String) async throws -> [Int32] {
    let active = Statement(
      "active",
      "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND state = 'active' AND strpos(query, $2) > 0")
    let result = try await TestDatabase.observer.query(
      active, [.text(configuration.applicationName), .text(text)], kind: .read)
    return try result.map { try $0.int32(0) }
  }

  func terminate(_ pids: [Int32]) async throws {
    for pid in pids {
      _ = try await TestDatabase.observer.query(
        Statement("terminate", "SELECT pg_terminate_backend($1)"), [.int32(pid)])
    }
  }
}

/// Holds statements back in the server until the test lets them pass.
final class Gate: Sendable {
  /// Its parameter is `key`.
  static let pass = Statement("gate", "SELECT pg_advisory_xact_lock_shared($1) AS gate")

  let key = PostgreSQLValue.int64(Int64.random(in: 1 << 32 ... .max))
  private let holder: Task<Void, any Error>
  private let release: AsyncStream<Void>.Continuation

  init() async throws {
    let (released, release) = AsyncStream.makeStream(of: Void.self)
    let (closed, isClosed) = AsyncStream.makeStream(of: Void.self)
    self.release = release
    let observer = try await TestDatabase.observer
    holder = Task { [key] in
      defer { isClosed.finish() }
      try await observer.transaction { connection in
        _ = try await connection.query(Statement("close_gate", "SELECT pg_advisory_xact_lock($1)"), [key])
        isClosed.finish()
        for await _ in released {}
      }
    }
    for await _ in closed {}
  }

  deinit {
    release.finish()
  }

  func open() async throws {
    release.finish()
    try await holder.value
  }
}

struct ConditionNotMet: Error {}

/// The error an operation ends with.
func failure(_ operation: () async throws -> Void) async -> PostgreSQLError? {
  do {
    try await operation()
    return nil
  } catch {
    return error as? PostgreSQLError
  }
}
