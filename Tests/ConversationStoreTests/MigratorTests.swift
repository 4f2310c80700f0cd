import ConversationStore
import PostgreSQL
import Testing

@Suite struct MigratorTests {
  @Test func anEmptyDatabaseGetsEveryStepOnceAlsoFromManyServersAtOnce() async throws {
    let pool = try await TestDatabase.emptyDatabase()
    #expect(try await Migrator.status(pool) == Migration.all)
    let results = try await (0..<6).concurrentMap { _ in try await Migrator.migrate(pool) }.map { try $0.get() }
    #expect(results.count { $0 == Migration.all } == 1 && results.count { $0.isEmpty } == 5)
    #expect(try await Migrator.migrate(pool).isEmpty)
    #expect(try await Migrator.status(pool).isEmpty)
    await pool.stop()
  }

  @Test func aNewerDatabaseAndAChangedStepAreRefused() async throws {
    let pool = try await TestDatabase.emptyDatabase()
    _ = try await Migrator.migrate(pool)
    let older = Migrator(pool: pool, migrations: Array(Migration.all.dropLast()))
    let last = try #require(Migration.all.last)
    await #expect(
      throws: MigrationError.databaseNewer(version: last.version, name: last.name, known: last.version - 1)
    ) {
      try await older.migrate()
    }
    try await pool.script("UPDATE lifeecho.schema_migrations SET checksum = 'x' WHERE version = 2")
    let error = MigrationError.changed(version: 2, name: "foundations")
    await #expect(throws: error) { try await Migrator.migrate(pool) }
    #expect(error.description.contains("migration 2 (foundations)"))
    await pool.stop()
  }

  @Test func aHalfMigratedDatabaseGoesOnWhereItStopped() async throws {
    let pool = try await TestDatabase.emptyDatabase()
    _ = try await Migrator(pool: pool, migrations: Array(Migration.all.prefix(2))).migrate()
    #expect(try await Migrator.migrate(pool) == Array(Migration.all.dropFirst(2)))
    await pool.stop()
  }

  @Test func stepsAreNumberedWithoutGapsAndNamedSafely() {
    #expect(Migration.all.map(\.version) == Array(1...Migration.all.count))
    #expect(Migration.all.allSatisfy { $0.name.wholeMatch(of: /[a-z_]+/) != nil })
  }
}
