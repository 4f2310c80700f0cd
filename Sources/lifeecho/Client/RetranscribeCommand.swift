import ArgumentParser
import Conversation
import ConversationAPI
import ConversationStore
import Operations
import PostgreSQL
import RPC

struct RetranscribeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retranscribe",
    abstract: "Have speech recognised again of which nothing was recognised, by the engine that runs now.",
    discussion: """
      One recording through a running server, or with --all every one whose audio is still kept, through the database \
      (--database-url, or that of the server in the data directory); the servers on that database do the work. The \
      server in the data directory, or at --server, is asked first whether it has a recogniser; without one nothing is done.
      """)

  @Option(help: "Whose recording.") var user: String?
  @Option(help: "Its conversation.") var conversation: String?
  @Option(help: "Its voice session.") var session: String?
  @Option(help: "Its generation; 0: the newest.") var generation: Int32 = 0
  @Flag(help: "All of them; those that an engine failed on first.") var all = false
  @Option(help: "With --all: at most so many.") var limit = 1_000

  @OptionGroup var server: ServerOptions

  func validate() throws {
    if all {
      guard user == nil, conversation == nil, session == nil else {
        throw ValidationError("--all stands for every user, conversation and session")
      }
      guard (1...100_000).contains(limit) else { throw ValidationError("--limit: 1 to 100000") }
    } else {
      guard user != nil, conversation != nil, session != nil else {
        throw ValidationError("give --user, --conversation and --session, or --all")
      }
    }
  }

  func run() async throws {
    try await reportingFailure {
      if all { try await retryAll() } else { try await retryOne() }
    }
  }

  private func retryOne() async throws {
    let token = try await server.token(user: user, ttl: .seconds(60))
    try await server.withChannel { channel in
      let client = ConversationV1.ConversationServiceClient(channel)
      let answer = try await client.retryTranscription(
        .init(
          conversationID: conversation ?? "", voiceSessionID: session ?? "", generation: generation),
        options: CallOptions(token: token, timeout: .seconds(30)))
      Terminal.show("\(answer.state)")
    }
  }

  /// A server without a recogniser would end all of them again: it refuses the first one. Where no server is known the
  /// database alone is used.
  private func askServer(_ first: VoiceSessionKey, _ configuration: ServiceConfiguration) async throws {
    guard server.server != nil || DataDirectory(configuration).readAddress() != nil else { return }
    do {
      let token = try await server.token(user: first.user.rawValue, ttl: .seconds(60))
      try await server.withChannel { channel in
        _ = try await ConversationV1.ConversationServiceClient(channel).retryTranscription(
          .init(
            conversationID: first.conversation.rawValue, voiceSessionID: first.session.rawValue,
            generation: Int32(clamping: first.generation)),
          options: CallOptions(token: token, timeout: .seconds(10)))
      }
    } catch let status as Status where status.reason == "ENGINE_MISSING" {
      throw status
    } catch {
      // Any other refusal is this recording's own, and is told with the rest.
    }
  }

  private func retryAll() async throws {
    let configuration = try server.settings.configuration()
    guard
      let url = configuration.database.url
        ?? PrivateCluster.runningConnection(dataDirectory: configuration.data.path)
    else {
      throw CommandFailure(
        "no database: give --database-url or LIFEECHO_DATABASE_URL, or start `lifeecho serve` in \(configuration.data.path)"
      )
    }
    let pool = PostgreSQLPool(configuration: PostgreSQLConfiguration(url: url))
    do {
      try await pool.start()
      guard try await Migrator.status(pool).isEmpty else {
        throw CommandFailure("the database is not up to date: run `lifeecho migrate`")
      }
      let store = ConversationStore(pool: pool)
      let failed = try await store.failedSessions(limit: limit)
      if let first = failed.first { try await askServer(first, configuration) }
      var refused = 0
      for key in failed {
        var outcome: String
        do {
          outcome = try await store.retryTranscription(key, now: SystemClock().now()).rawValue
        } catch let error as ConversationError {
          refused += 1
          outcome = "\(error)"
        }
        Terminal.show("\(key.user) \(key.conversation) \(key.session) \(key.generation): \(outcome)")
      }
      Terminal.show("\(failed.count) recordings")
      await pool.stop()
      if refused > 0 { throw CommandFailure("\(refused) of them were refused") }
    } catch {
      await pool.stop()
      throw error
    }
  }
}
