import Foundation
import TestSupport
import Testing

@testable import PostgreSQL

@Suite struct RecoveryTests {
  private static let one = PoolTests.one

  @Test func aTerminatedBackendFailsOnlyItsOwnCommand() async throws {
    let gate = try await Gate()
    try await TestDatabase.withPool(connectionCount: 4, { $0.statementTimeout = .seconds(60) }) { pool in
      let victim = Statement("victim", "SELECT pg_advisory_xact_lock_shared($1) AS victim")
      async let killed = failure { _ = try await pool.query(victim, [gate.key]) }
      async let survivor = pool.query(Gate.pass, [gate.key])
      try await waitUntil { try await !pool.running("gate").isEmpty }
      try await waitUntil { try await !pool.running("victim").isEmpty }
      try await pool.terminate(try await pool.running("victim"))
      let error = try #require(await killed)
      #expect(error.sqlState == "57P01")
      #expect(error.isRetryable)
      #expect(!error.commandMayHaveRun)
      try await gate.open()
      #expect(try await survivor.count == 1)
      for _ in 0..<10 { _ = try await pool.query(Self.one) }
      #expect(pool.statistics.connectionsLost == 1)
    }
  }

  @Test func readsBehindATerminatedOneAreRetryable() async throws {
    let gate = try await Gate()
    try await TestDatabase.withPool(connectionCount: 1, { $0.statementTimeout = .seconds(60) }) { pool in
      let errors = try await withThrowingTaskGroup(of: PostgreSQLError?.self) { group in
        group.addTask { await failure { _ = try await pool.query(Gate.pass, [gate.key], kind: .read) } }
        try await waitUntil { try await !pool.running("gate").isEmpty }
        for _ in 0..<5 { group.addTask { await failure { _ = try await pool.query(Self.one, [], kind: .read) } } }
        try await pool.terminate(try await pool.running("gate"))
        var errors: [PostgreSQLError?] = []
        for try await error in group { errors.append(error) }
        return errors
      }
      #expect(errors.contains { $0 != nil })
      for error in errors {
        // Those submitted after the loss went over a new connection.
        guard let error else { continue }
        #expect(error.isRetryable)
        #expect(!error.commandMayHaveRun)
      }
      _ = try await pool.query(Self.one)
    }
    try await gate.open()
  }

  @Test func anIdleConnectionThatWentAwayIsReplaced() async throws {
    try await TestDatabase.withPool(connectionCount: 1) { pool in
      let row = try #require(try await pool.query(Statement("pid", "SELECT pg_backend_pid()")).first)
      try await pool.terminate([try row.int32(0)])
      try await waitUntil { pool.statistics.connectionsLost == 1 }
      _ = try await pool.query(Self.one)
      #expect(pool.statistics.connectionsOpened == 2)
    }
  }

  @Test func aTransactionOnALostConnectionSaysSo() async throws {
    try await TestDatabase.withPool(connectionCount: 2) { pool in
      try await pool.script("DROP TABLE IF EXISTS lost; CREATE TABLE lost (a int)")
      let error = await failure {
        try await pool.transaction { connection in
          _ = try await connection.query(Statement("into_lost", "INSERT INTO lost VALUES (1)"))
          let pid = try #require(try await connection.query(Statement("pid", "SELECT pg_backend_pid()")).first).int32(0)
          try await pool.terminate([pid])
          try await waitUntil { pool.statistics.connectionsLost == 1 }
          _ = try await connection.query(Self.one)
        }
      }
      #expect(error?.kind == .connection)
      #expect(error?.isRetryable == true)
      #expect(error?.commandMayHaveRun == false)
      #expect(try await pool.query(Statement("from_lost", "SELECT * FROM lost")).isEmpty)
    }
  }

  /// A server that dies without a word, in the middle of a write: nobody can know whether it was committed.
  @Test func aWriteCutOffMayHaveRunAndAReadIsRepeatable() async throws {
    let url = try await TestDatabase.url
    for kind in [CommandKind.write, .read] {
      let gate = try await Gate()
      let proxy = try CuttableProxy(target: url)
      let pool = PostgreSQLPool(
        configuration: PostgreSQLConfiguration(
          url: proxy.url, connectionCount: 1, statementTimeout: .seconds(60), applicationName: "test-cut-\(kind)"))
      try await pool.start()
      async let cut = failure { _ = try await pool.query(Gate.pass, [gate.key], kind: kind) }
      try await waitUntil { try await !pool.running("gate").isEmpty }
      proxy.cut()
      let error = try #require(await cut)
      #expect(error.kind == .connection)
      #expect(error.commandMayHaveRun)
      #expect(error.isRetryable == (kind == .read))
      await pool.stop()
      try await gate.open()
    }
  }

  @Test func commandsWaitWhileTheServerIsAwayAndGoOnWhenItIsBack() async throws {
    let directory = try TemporaryDirectory()
    let cluster = try await TestCluster.start(directory.path)
    let pool = PostgreSQLPool(
      configuration: PostgreSQLConfiguration(url: cluster.url, connectionCount: 2, waitTimeout: .milliseconds(300)))
    try await pool.start()
    await cluster.cluster.stop()
    try await waitUntil { pool.statistics.openConnections == 0 }
    let away = await failure { _ = try await pool.query(Self.one) }
    #expect(away?.kind == .connection)
    #expect(away?.isRetryable == true)
    #expect(away?.commandMayHaveRun == false)
    #expect(away?.message.contains("check that PostgreSQL runs there") == true)
    let again = try await TestCluster.start(directory.path)
    try await waitUntil { await failure { _ = try await pool.query(Self.one) } == nil }
    await pool.stop()
    await again.cluster.stop()
    TestCluster.removeHome(of: directory.path)
  }
}
