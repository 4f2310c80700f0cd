import Synchronization
import TestSupport
import Testing

@testable import PostgreSQL

@Suite struct PoolTests {
  static let sleep = Statement("sleep", "SELECT pg_sleep($1)")
  static let one = Statement("one", "SELECT 1")

  @Test func sixtyFourWritersLoseNothing() async throws {
    let insert = Statement("insert_writer", "INSERT INTO writers (writer, number) VALUES ($1, $2) RETURNING id")
    try await TestDatabase.withPool(connectionCount: 16) { pool in
      try await pool.script(
        "DROP TABLE IF EXISTS writers; CREATE TABLE writers (id bigserial, writer bigint, number bigint)")
      let before = pool.statistics.roundTrips
      let ids = try await withThrowingTaskGroup(of: [Int64].self) { group in
        for writer in 0..<64 {
          group.addTask {
            var ids: [Int64] = []
            for number in 0..<50 {
              let result = try await pool.query(insert, [.int64(Int64(writer)), .int64(Int64(number))])
              ids.append(try #require(result.first).int64(0))
            }
            return ids
          }
        }
        var all: [Int64] = []
        for try await ids in group { all += ids }
        return all
      }
      #expect(Set(ids).count == 3200)
      #expect(pool.statistics.roundTrips - before == 3200, "parsing rides along with the first execution")
      let row = try #require(
        try await pool.query(Statement("count", "SELECT count(*), count(DISTINCT (writer, number)) FROM writers")).first
      )
      #expect(try row.int(0) == 3200)
      #expect(try row.int(1) == 3200)
      #expect(pool.statistics.openConnections <= 16)
      #expect(pool.statistics.openConnections > 4)
    }
  }

  @Test func readsAreAnsweredInOrderThroughThePipeline() async throws {
    let echo = Statement("echo", "SELECT $1")
    try await TestDatabase.withPool(connectionCount: 2) { pool in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<500 {
          group.addTask {
            let result = try await pool.query(echo, [.int64(Int64(number))], kind: .read)
            #expect(try #require(result.first).int(0) == number)
          }
        }
        try await group.waitForAll()
      }
      #expect(pool.statistics.openConnections <= 2)
    }
  }

  @Test func aFailedReadHarmsNoOtherOfItsPipeline() async throws {
    let divide = Statement("divide", "SELECT 1 / $1")
    try await TestDatabase.withPool(connectionCount: 2) { pool in
      let failures = try await withThrowingTaskGroup(of: Bool.self) { group in
        for number in 0..<100 {
          group.addTask {
            let error = await failure { _ = try await pool.query(divide, [.int32(Int32(number % 3))], kind: .read) }
            if let error { #expect(error.sqlState == "22012") }
            return error != nil
          }
        }
        var count = 0
        for try await failed in group where failed { count += 1 }
        return count
      }
      #expect(failures == 34)
    }
  }

  @Test func aWriteInProgressDoesNotHoldReadsUp() async throws {
    let gate = try await Gate()
    try await TestDatabase.withPool(connectionCount: 2, { $0.statementTimeout = .seconds(60) }) { pool in
      async let slow = pool.query(Gate.pass, [gate.key])
      try await waitUntil { try await !pool.running("gate").isEmpty }
      for _ in 0..<10 { _ = try await pool.query(Self.one, [], kind: .read) }
      try await gate.open()
      #expect(try await slow.count == 1)
    }
  }

  @Test func theQueueLimitRefusesAtOnce() async throws {
    let gate = try await Gate()
    try await TestDatabase.withPool(
      connectionCount: 1,
      {
        $0.queueLimit = 3
        $0.statementTimeout = .seconds(60)
        $0.waitTimeout = .seconds(60)
      }
    ) { pool in
      async let running = pool.query(Gate.pass, [gate.key])
      try await waitUntil { try await !pool.running("gate").isEmpty }
      try await withThrowingTaskGroup(of: PostgreSQLError?.self) { group in
        for _ in 0..<8 { group.addTask { await failure { _ = try await pool.query(Self.one) } } }
        try await waitUntil { pool.statistics.errors == 5 }
        try await gate.open()
        for try await error in group {
          guard let error else { continue }
          #expect(error.kind == .overloaded)
          #expect(error.isRetryable)
          #expect(!error.commandMayHaveRun)
        }
      }
      #expect(try await running.count == 1)
      #expect(pool.statistics.errors == 5)
    }
  }

  @Test func waitingForAConnectionHasADeadline() async throws {
    let gate = try await Gate()
    try await TestDatabase.withPool(connectionCount: 1, { $0.waitTimeout = .milliseconds(100) }) { pool in
      let escaped = Task { try await pool.query(Gate.pass, [gate.key]) }
      try await waitUntil { try await !pool.running("gate").isEmpty }
      let error = await failure { _ = try await pool.query(Self.one) }
      #expect(error?.kind == .timedOut)
      #expect(error?.isRetryable == true)
      try await gate.open()
      _ = await escaped.result
    }
  }

  @Test func statementsHaveATimeLimit() async throws {
    try await TestDatabase.withPool({ $0.statementTimeout = .milliseconds(100) }) { pool in
      let error = await failure { _ = try await pool.query(Self.sleep, [.double(30)]) }
      #expect(error?.kind == .timedOut)
      #expect(error?.sqlState == "57014")
      _ = try await pool.query(Self.one)
    }
  }

  @Test func theClientCancelsWhenTheServerDoesNot() async throws {
    try await TestDatabase.withPool(connectionCount: 1, { $0.statementTimeout = .milliseconds(50) }) { pool in
      try await pool.script("SET statement_timeout = 0")
      let start = ContinuousClock.now
      let error = await failure { _ = try await pool.query(Self.sleep, [.double(30)]) }
      #expect(error?.kind == .timedOut)
      #expect(ContinuousClock.now - start < .seconds(10))
      _ = try await pool.query(Self.one)
      #expect(pool.statistics.connectionsLost == 0)
    }
  }

  @Test func aCancelledTaskStopsWaitingAndARunningCommandEnds() async throws {
    let gate = try await Gate()
    try await TestDatabase.withPool(
      connectionCount: 1,
      {
        $0.statementTimeout = .seconds(60)
        $0.waitTimeout = .seconds(60)
      }
    ) { pool in
      let running = Task { try await pool.query(Gate.pass, [gate.key]) }
      try await waitUntil { try await !pool.running("gate").isEmpty }
      let waiting = Task { try await pool.query(Self.one) }
      try await waitUntil { pool.statistics.queued == 1 }
      waiting.cancel()
      #expect(await failure { _ = try await waiting.value }?.kind == .cancelled)
      running.cancel()
      try await gate.open()
      #expect(try await running.value.count == 1)
    }
  }

  @Test func errorsCarryWhatTheServerSaid() async throws {
    try await TestDatabase.withPool { pool in
      try await pool.script(
        """
        DROP TABLE IF EXISTS facts;
        CREATE TABLE facts (id bigint CONSTRAINT facts_key PRIMARY KEY, twin bigint CONSTRAINT facts_twin
          REFERENCES facts (id) DEFERRABLE INITIALLY DEFERRED)
        """)
      let insert = Statement("insert_fact", "INSERT INTO facts VALUES ($1, $2)")
      _ = try await pool.query(insert, [.int64(1), .int64(1)])
      let duplicate = await failure { _ = try await pool.query(insert, [.int64(1), .null]) }
      #expect(duplicate?.kind == .server)
      #expect(duplicate?.sqlState == "23505")
      #expect(duplicate?.constraint == "facts_key")
      #expect(duplicate?.table == "facts")
      #expect(duplicate?.detail?.contains("already exists") == true)
      #expect(duplicate?.isRetryable == false)
      let deferred = await failure { _ = try await pool.query(insert, [.int64(2), .int64(99)]) }
      #expect(deferred?.sqlState == "23503", "the commit fails after the statement has succeeded")
      #expect(deferred?.constraint == "facts_twin")
      #expect(try await pool.query(Statement("all_facts", "SELECT * FROM facts")).count == 1)
      let unknown = await failure { _ = try await pool.query(Statement("bad", "SELECT * FROM no_such_table")) }
      #expect(unknown?.sqlState == "42P01")
      let script = await failure { try await pool.script("SELECT 1;\n\nSELEKT 2;") }
      #expect(script?.message.contains("line 3") == true)
      _ = try await pool.query(Self.one)
      #expect(pool.statistics.connectionsLost == 0)
    }
  }

  @Test func aChangedTableNeedsNoReconnect() async throws {
    let all = Statement("all_shapes", "SELECT * FROM shapes")
    try await TestDatabase.withPool(connectionCount: 2) { pool in
      try await pool.script("DROP TABLE IF EXISTS shapes; CREATE TABLE shapes (a int); INSERT INTO shapes VALUES (1)")
      for kind in [CommandKind.write, .read] {
        #expect(try await pool.query(all, [], kind: kind).columnNames == ["a"])
      }
      try await pool.script("ALTER TABLE shapes ADD COLUMN b int")
      for kind in [CommandKind.write, .read] {
        #expect(try await pool.query(all, [], kind: kind).columnNames == ["a", "b"])
      }
      try await pool.script("DEALLOCATE ALL")
      _ = try await pool.query(all)
      #expect(pool.statistics.connectionsLost == 0)
      #expect(pool.statistics.errors == 0)
    }
  }

  @Test func parameterCountsAreBounded() async throws {
    try await TestDatabase.withPool(connectionCount: 1) { pool in
      let error = await failure {
        _ = try await pool.query(Self.one, Array(repeating: .bool(true), count: 65_536))
      }
      #expect(error?.kind == .configuration)
      let large = [UInt8](repeating: 0, count: PostgreSQLLimits.parameterBytesMaximum + 1)
      #expect(await failure { _ = try await pool.query(Self.one, [.bytes(large)]) }?.kind == .configuration)
    }
  }

  @Test func stoppingLetsCommandsEndAndRefusesNewOnes() async throws {
    let gate = try await Gate()
    let pool = PostgreSQLPool(
      configuration: PostgreSQLConfiguration(
        url: try await TestDatabase.url, connectionCount: 2, statementTimeout: .seconds(60),
        drainTimeout: .seconds(60), applicationName: "test-stopping"))
    #expect(await failure { _ = try await pool.query(Self.one) }?.kind == .closed)
    try await pool.start()
    let running = Task { try await pool.query(Gate.pass, [gate.key]) }
    try await waitUntil { try await !pool.running("gate").isEmpty }
    let stopping = Task { await pool.stop() }
    try await waitUntil { await failure { _ = try await pool.query(Self.one) }?.kind == .closed }
    try await gate.open()
    await stopping.value
    #expect(try await running.value.count == 1)
    #expect(pool.statistics.openConnections == 0)
    await pool.stop()
  }

  @Test func drainingHasALimit() async throws {
    let gate = try await Gate()
    let pool = PostgreSQLPool(
      configuration: PostgreSQLConfiguration(
        url: try await TestDatabase.url, connectionCount: 2, statementTimeout: .seconds(60),
        drainTimeout: .milliseconds(50), applicationName: "test-draining"))
    try await pool.start()
    let running = Task { try await pool.query(Gate.pass, [gate.key]) }
    try await waitUntil { try await !pool.running("gate").isEmpty }
    await pool.stop()
    let error = await failure { _ = try await running.value }
    #expect(error?.kind == .closed)
    #expect(error?.commandMayHaveRun == true)
    try await gate.open()
  }

  @Test func observersSeeEveryCommand() async throws {
    final class Observer: PostgreSQLObserver {
      let seen = Mutex<[String]>([])
      func commandFinished(
        statement: String, kind: CommandKind, wait_ns: UInt64, run_ns: UInt64, error: PostgreSQLError?
      ) {
        seen.withLock { $0.append("\(statement) \(kind) \(error?.sqlState ?? "ok")") }
      }
    }
    let observer = Observer()
    try await TestDatabase.withPool(connectionCount: 1, { $0.observer = observer }) { pool in
      _ = try await pool.query(Self.one, [], kind: .read)
      _ = await failure {
        _ = try await pool.query(Statement("bad", "SELECT")); _ = try await pool.query(Statement("worse", "x"))
      }
      try await pool.transaction { _ = try await $0.query(Self.one) }
    }
    #expect(
      observer.seen.withLock { $0 } == [
        "one read ok", "bad write ok", "worse write 42601", "one write ok", "commit write ok",
      ])
  }
}
