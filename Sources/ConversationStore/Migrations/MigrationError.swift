/// Why a database cannot be used by this binary: one line that says what to do.
package enum MigrationError: Error, Sendable, Equatable, CustomStringConvertible {
  case serverTooOld(version: String)
  case databaseNewer(version: Int, name: String, known: Int)
  case changed(version: Int, name: String)
  case notMigrated(pending: Int)

  package var description: String {
    switch self {
    case .serverTooOld(let version):
      "PostgreSQL \(version) is too old: Life Echo needs PostgreSQL 14 or newer"
    case .databaseNewer(let version, let name, let known):
      "the database has migration \(version) (\(name)), this lifeecho knows \(known) at most: run a newer lifeecho"
    case .changed(let version, let name):
      "migration \(version) (\(name)) was applied with another text than this lifeecho has: "
        + "run the lifeecho that this database belongs to"
    case .notMigrated(let pending):
      "the database lacks \(pending) migrations: run `lifeecho migrate`"
    }
  }
}
