package import PostgreSQL

/// Brings a database to this binary's schema. Servers may start at once: one migrates, the others wait.
package struct Migrator: Sendable {
  private let pool: PostgreSQLPool
  private let migrations: [Migration]

  package init(pool: PostgreSQLPool, migrations: [Migration] = Migration.all) {
    self.pool = pool
    self.migrations = migrations
  }

  /// Applies what is missing, each step in one transaction, and returns it.
  /// - Throws: `MigrationError` for a database that this binary must not touch, else `PostgreSQLError`.
  package static func migrate(_ pool: PostgreSQLPool) async throws -> [Migration] {
    try await Migrator(pool: pool).migrate()
  }

  /// The steps that the database lacks.
  /// - Throws: as `migrate`.
  package static func status(_ pool: PostgreSQLPool) async throws -> [Migration] {
    try await Migrator(pool: pool).pending()
  }

  package func pending() async throws -> [Migration] {
    try await pending { statement in try await pool.query(statement) }
  }

  package func migrate() async throws -> [Migration] {
    if try await pending().isEmpty { return [] }
    return try await pool.withAdvisoryLock(
      Self.lockKey, timeout: .seconds(Limits.migrationLockWait_s)
    ) { connection in
      let pending = try await pending { statement in try await connection.query(statement) }
      for migration in pending {
        try await connection.script(Self.script(migration))
      }
      return pending
    }
  }

  private func pending(
    _ query: (Statement) async throws -> PostgreSQLResult
  ) async throws -> [Migration] {
    let state = try await query(Self.state)
    guard let row = state.first else { return migrations }
    guard try row.int(0) >= 140_000 else { throw MigrationError.serverTooOld(version: try row.string(1)) }
    guard try row.bool(2) else { return migrations }
    var applied: Set<Int> = []
    for row in try await query(Self.applied) {
      let version = try row.int(0)
      let name = try row.string(1)
      guard let migration = migrations.first(where: { $0.version == version }) else {
        throw MigrationError.databaseNewer(version: version, name: name, known: migrations.last?.version ?? 0)
      }
      guard migration.checksum == (try row.string(2)) else {
        throw MigrationError.changed(version: version, name: name)
      }
      applied.insert(version)
    }
    return migrations.filter { !applied.contains($0.version) }
  }

  /// The step and the record of it. Names and checksums are the binary's own, of letters, digits and `_`.
  private static func script(_ migration: Migration) -> String {
    """
    CREATE SCHEMA IF NOT EXISTS lifeecho;
    CREATE TABLE IF NOT EXISTS lifeecho.schema_migrations (
      version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now());
    \(migration.sql)
    INSERT INTO lifeecho.schema_migrations (version, name, checksum)
      VALUES (\(migration.version), '\(migration.name)', '\(migration.checksum)');
    """
  }

  /// "life".
  private static let lockKey: Int64 = 0x6c69_6665

  private static let state = Statement(
    "migration_state",
    """
    SELECT current_setting('server_version_num')::integer, current_setting('server_version'),
      to_regclass('lifeecho.schema_migrations') IS NOT NULL
    """)
  private static let applied = Statement(
    "migrations_applied", "SELECT version, name, checksum FROM lifeecho.schema_migrations ORDER BY version")
}
