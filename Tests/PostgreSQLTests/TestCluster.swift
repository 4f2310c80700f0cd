import Foundation
import TestSupport
import Testing

@testable import PostgreSQL

/// Persistent clusters for tests, in this process or in another that can be killed.
enum TestCluster {
  static let environment = ProcessInfo.processInfo.environment

  static func start(
    _ directory: String, isDurable: Bool = false,
    onEvent: @escaping @Sendable (PrivateClusterEvent) -> Void = { _ in }
  ) async throws -> (cluster: PrivateCluster, url: String) {
    let cluster = PrivateCluster(
      configuration: PrivateClusterConfiguration(
        storage: .directory(directory), isDurable: isDurable, environment: environment),
      onEvent: onEvent)
    return (cluster, try await cluster.start())
  }

  /// Of the cluster of a data directory: in it, or in /var/lib/lifeecho.
  static func home(of directory: String) -> String {
    guard let id = try? String(contentsOfFile: directory + "/cluster-id", encoding: .utf8) else { return directory }
    return "/var/lib/lifeecho/" + id.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// What lies outside of the data directory.
  static func removeHome(of directory: String) {
    let home = home(of: directory)
    if home != directory { try? FileManager.default.removeItem(atPath: home) }
  }

  static func serverPID(of directory: String) throws -> pid_t {
    let text = try String(contentsOfFile: home(of: directory) + "/data/postmaster.pid", encoding: .utf8)
    return try #require(text.split(separator: "\n").first.flatMap { pid_t($0) })
  }

  /// Gone, or dead and waiting for its parent.
  static func hasEnded(_ pid: pid_t) -> Bool {
    guard let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return true }
    return status.split(separator: ")").last?.hasPrefix(" Z") ?? true
  }

  static func withPool<R: Sendable>(_ url: String, _ body: (PostgreSQLPool) async throws -> R) async throws -> R {
    let pool = PostgreSQLPool(configuration: PostgreSQLConfiguration(url: url, connectionCount: 1))
    try await pool.start()
    let value = try await body(pool)
    await pool.stop()
    return value
  }

  /// Adds a row to a table that is made when missing, and returns how many there are.
  static func writeRow(_ url: String) async throws -> Int {
    try await withPool(url) { pool in
      try await pool.script("CREATE TABLE IF NOT EXISTS kept (id bigserial)")
      _ = try await pool.query(Statement("keep", "INSERT INTO kept DEFAULT VALUES"))
      return try #require(try await pool.query(Statement("count_kept", "SELECT count(*) FROM kept")).first).int(0)
    }
  }
}

/// This test program run once more, to do only what a variable says; it can be killed, or be another user.
enum SecondProcess {
  static let variable = "LIFEECHO_TEST_CLUSTER_OWNER"
  static var directory: String? { ProcessInfo.processInfo.environment[variable] }

  static func start(directory: String, asNobody: Bool = false, extra: [String: String] = [:]) throws -> Process {
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let arguments = Array(CommandLine.arguments.dropFirst()).filter { !$0.hasPrefix("--xunit") }
    // Under `swift test` the program is a loader that is told the bundle; only the filter is replaced.
    var kept: [String] = []
    var skipsNext = false
    for argument in arguments {
      if skipsNext {
        skipsNext = false
      } else if argument == "--filter" || argument == "--skip" || argument == "--event-stream-output-path" {
        skipsNext = true
      } else {
        kept.append(argument)
      }
    }
    if !kept.contains("--testing-library") { kept += ["--testing-library", "swift-testing"] }
    kept += ["--filter", "ownsAClusterUntilItIsKilled"]
    let process = Process()
    let prefix = asNobody ? ["/usr/bin/setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"] : []
    let command = prefix + [own] + kept
    process.executableURL = URL(fileURLWithPath: command[0])
    process.arguments = Array(command.dropFirst())
    process.environment = ProcessInfo.processInfo.environment.merging(
      extra.merging([variable: directory]) { a, _ in a }
    ) {
      _, new in new
    }
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    return process
  }
}

@Suite struct SecondProcessRole {
  @Test(.enabled(if: SecondProcess.directory != nil)) func ownsAClusterUntilItIsKilled() async throws {
    let directory = try #require(SecondProcess.directory)
    let (cluster, url) = try await TestCluster.start(directory)
    _ = try await TestCluster.writeRow(url)
    try Data(url.utf8).write(to: URL(fileURLWithPath: directory + "/ready"))
    // Ends when told to, and by itself when forgotten.
    try await waitUntil(within: .seconds(60)) { FileManager.default.fileExists(atPath: directory + "/stop") }
    await cluster.stop()
  }
}
