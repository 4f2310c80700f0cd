import Testing

@testable import PostgreSQL

@Suite struct TransactionTests {
  struct Refused: Error {}

  private static func table(_ pool: PostgreSQLPool, _ name: String) async throws -> (insert: Statement, all: Statement)
  {
    try await pool.script("DROP TABLE IF EXISTS \(name); CREATE TABLE \(name) (value bigint PRIMARY KEY)")
    return (
      Statement("insert_\(name)", "INSERT INTO \(name) VALUES ($1)"),
      Statement("all_\(name)", "SELECT value FROM \(name) ORDER BY value")
    )
  }

  @Test func commitsWhenTheBodyReturnsInOneTripMoreThanItsStatements() async throws {
    try await TestDatabase.withPool { pool in
      let (insert, all) = try await Self.table(pool, "committed")
      let before = pool.statistics.roundTrips
      let answer = try await pool.transaction { connection in
        _ = try await connection.query(insert, [.int64(1)])
        _ = try await connection.query(insert, [.int64(2)])
        return try await connection.query(all).count
      }
      #expect(answer == 2)
      #expect(pool.statistics.roundTrips - before == 4)
      #expect(try await pool.query(all, [], kind: .read).count == 2)
    }
  }

  @Test func rollsBackWhenTheBodyThrows() async throws {
    try await TestDatabase.withPool(connectionCount: 1) { pool in
      let (insert, all) = try await Self.table(pool, "thrown")
      await #expect(throws: Refused.self) {
        try await pool.transaction { connection in
          _ = try await connection.query(insert, [.int64(1)])
          throw Refused()
        }
      }
      #expect(try await pool.query(all).isEmpty)
      #expect(pool.statistics.connectionsLost == 0)
    }
  }

  @Test func rollsBackInACancelledTask() async throws {
    try await TestDatabase.withPool(connectionCount: 1) { pool in
      let (insert, all) = try await Self.table(pool, "cancelled")
      let task = Task {
        try await pool.transaction { connection in
          _ = try await connection.query(insert, [.int64(1)])
          while !Task.isCancelled { await Task.yield() }
          try Task.checkCancellation()
        }
      }
      task.cancel()
      _ = await task.result
      #expect(try await pool.query(all).isEmpty)
    }
  }

  @Test func aSwallowedFailureDoesNotPassForACommit() async throws {
    try await TestDatabase.withPool(connectionCount: 1) { pool in
      let (insert, all) = try await Self.table(pool, "swallowed")
      let error = await failure {
        try await pool.transaction { connection in
          _ = try await connection.query(insert, [.int64(1)])
          _ = try? await connection.query(insert, [.int64(1)])
        }
      }
      #expect(error?.sqlState == "25P02")
      #expect(try await pool.query(all).isEmpty)
    }
  }

  @Test func aBodyWithoutStatementsCostsNothing() async throws {
    try await TestDatabase.withPool { pool in
      let before = pool.statistics.roundTrips
      try await pool.transaction { _ in }
      #expect(pool.statistics.roundTrips == before)
    }
  }

  @Test func theConnectionIsUselessAfterwards() async throws {
    try await TestDatabase.withPool(connectionCount: 1) { pool in
      let escaped = try await pool.transaction { $0 }
      let error = await failure { _ = try await escaped.query(PoolTests.one) }
      #expect(error?.kind == .closed)
    }
  }

  @Test func whatAScriptLeavesOpenIsRolledBack() async throws {
    try await TestDatabase.withPool(connectionCount: 1) { pool in
      let (_, all) = try await Self.table(pool, "left_open")
      try await pool.script("BEGIN; INSERT INTO left_open VALUES (1)")
      #expect(try await pool.query(all).isEmpty)
    }
  }

  @Test func concurrentStatementsAndScriptsShareOneTransaction() async throws {
    try await TestDatabase.withPool(connectionCount: 1) { pool in
      let (insert, all) = try await Self.table(pool, "concurrent")
      try await pool.transaction { connection in
        try await withThrowingTaskGroup(of: Void.self) { group in
          for number in 0..<20 {
            group.addTask {
              if number % 5 == 0 {
                try await connection.script("INSERT INTO concurrent VALUES (\(number))")
              } else {
                _ = try await connection.query(insert, [.int64(Int64(number))])
              }
            }
          }
          try await group.waitForAll()
        }
      }
      #expect(try await pool.query(all).count == 20)
    }
  }

  @Test func aScriptIsAtomic() async throws {
    try await TestDatabase.withPool { pool in
      let (_, all) = try await Self.table(pool, "scripted")
      let error = await failure {
        try await pool.script("INSERT INTO scripted VALUES (1); INSERT INTO scripted VALUES (1);")
      }
      #expect(error?.sqlState == "23505")
      #expect(try await pool.query(all).isEmpty)
    }
  }

  @Test func advisoryLocksExcludeOneAnother() async throws {
    try await TestDatabase.withPool(connectionCount: 8) { pool in
      let (insert, all) = try await Self.table(pool, "migrated")
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<5 {
          group.addTask {
            try await pool.withAdvisoryLock(4711) { connection in
              let count = try await connection.query(all).count
              try await connection.transaction { connection in
                _ = try await connection.query(insert, [.int64(Int64(count))])
                try await connection.script("SELECT pg_sleep(0.01)")
              }
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(try await pool.query(all).count == 5, "each saw what the one before had written")
      try await pool.withAdvisoryLock(4711) { _ in
        let error = await failure { try await pool.withAdvisoryLock(4711, timeout: .milliseconds(50)) { _ in } }
        #expect(error?.kind == .timedOut)
        #expect(error?.message.contains("advisory lock 4711") == true)
      }
      await #expect(throws: Refused.self) { try await pool.withAdvisoryLock(4711) { _ in throw Refused() } }
      try await pool.withAdvisoryLock(4711, timeout: .seconds(5)) { _ in }
    }
  }
}
