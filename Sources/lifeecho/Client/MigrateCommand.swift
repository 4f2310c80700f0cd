import ArgumentParser
import ConversationStore
import Foundation
import Logging
import Operations
import PostgreSQL

struct MigrateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate", abstract: "Bring the database's schema up to date; `serve` does it too.")

  @OptionGroup var settings: SettingOptions

  func run() async throws {
    try await reportingFailure {
      let configuration = try settings.configuration()
      guard let url = configuration.database.url else {
        throw CommandFailure(
          "no database: give --database-url or LIFEECHO_DATABASE_URL (a private cluster is migrated by `serve`)")
      }
      let pool = PostgreSQLPool(configuration: PostgreSQLConfiguration(url: url))
      do {
        try await pool.start()
        let applied = try await Migrator.migrate(pool)
        await pool.stop()
        Terminal.show(
          applied.isEmpty ? "up to date" : applied.map { "applied \($0.version) \($0.name)" }.joined(separator: "\n"))
      } catch {
        await pool.stop()
        throw error
      }
    }
  }
}
