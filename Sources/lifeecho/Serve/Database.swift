import ConversationStore
import Logging
import Operations
import PostgreSQL

/// The database of one server: somebody else's PostgreSQL, or a private cluster that lives and dies with the server.
struct Database {
  let pool: PostgreSQLPool
  private let cluster: PrivateCluster?

  /// True when nobody else can use the database: what is open in it at the start was left by a dead server.
  var isPrivate: Bool { cluster != nil }

  /// Where the private cluster is, when that is not the data directory.
  var elsewhere: String? { cluster?.elsewhere }

  /// Connects, starting the private cluster when no URL is configured, and brings the schema up to date.
  static func open(
    _ configuration: ServiceConfiguration, environment: [String: String], logger: Logger
  ) async throws -> Database {
    var cluster: PrivateCluster?
    let url: String
    if let configured = configuration.database.url {
      url = configured
    } else {
      let storage: PrivateClusterConfiguration.Storage =
        configuration.data.isEphemeral ? .ephemeral : .directory(configuration.data.path)
      let own = PrivateCluster(
        configuration: PrivateClusterConfiguration(
          storage: storage, maximumConnections: configuration.database.poolSize + 8, environment: environment)
      ) { event in
        switch event {
        case .died(let reason):
          logger.critical("the private PostgreSQL died and is started again", metadata: ["reason": "\(reason)"])
        case .restarted: logger.notice("the private PostgreSQL runs again")
        case .restartFailed(let error):
          logger.critical("the private PostgreSQL does not start", metadata: ["error": "\(error)"])
        }
      }
      url = try await own.start()
      cluster = own
    }
    var settings = PostgreSQLConfiguration(url: url)
    settings.connectionCount = configuration.database.poolSize
    settings.statementTimeout = configuration.database.statementTimeout
    settings.connectTimeout = configuration.database.connectTimeout
    let database = Database(pool: PostgreSQLPool(configuration: settings), cluster: cluster)
    do {
      try await database.pool.start()
      let applied = try await Migrator.migrate(database.pool)
      if !applied.isEmpty { logger.notice("schema brought up to date", metadata: ["migrations": "\(applied.count)"]) }
    } catch {
      await database.close()
      throw error
    }
    return database
  }

  func close() async {
    await pool.stop()
    await cluster?.stop()
  }
}
