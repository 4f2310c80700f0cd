import Conversation
import ConversationStore
import Foundation
import Interview
import PostgreSQL
import Testing

/// One private PostgreSQL for the process, migrated, with a pool; it ends with the process.
enum TestDatabase {
  struct Running: Sendable {
    let cluster: PrivateCluster
    let url: String
    let pool: PostgreSQLPool
  }

  private static let running = Task { () async throws -> Running in
    let configuration = PrivateClusterConfiguration(
      storage: .ephemeral, maximumConnections: 400, environment: ProcessInfo.processInfo.environment)
    let cluster = PrivateCluster(configuration: configuration)
    let url = try await cluster.start()
    let pool = PostgreSQLPool(configuration: TestDatabase.configuration(url))
    try await pool.start()
    _ = try await Migrator.migrate(pool)
    return Running(cluster: cluster, url: url, pool: pool)
  }

  static func configuration(_ url: String) -> PostgreSQLConfiguration {
    var configuration = PostgreSQLConfiguration(url: url)
    configuration.connectionCount = 16
    configuration.statementTimeout = .seconds(60)
    configuration.waitTimeout = .seconds(60)
    return configuration
  }

  static var pool: PostgreSQLPool { get async throws { try await running.value.pool } }
  static var store: ConversationStore { get async throws { ConversationStore(pool: try await pool) } }

  /// A database for the tests that take over whatever turns they find.
  static let apart = Task { () async throws -> ConversationStore in
    let pool = try await emptyDatabase()
    _ = try await Migrator.migrate(pool)
    return ConversationStore(pool: pool)
  }

  /// A pool on a new, empty database.
  static func emptyDatabase() async throws -> PostgreSQLPool {
    let running = try await running.value
    let name = "t" + UUID().uuidString.lowercased().replacing("-", with: "")
    _ = try await running.pool.query(Statement("create_\(name)", "CREATE DATABASE \(name)"))
    let pool = PostgreSQLPool(configuration: configuration(running.url + " dbname=\(name)"))
    try await pool.start()
    return pool
  }
}

/// A user with a conversation id, and short words for what they do.
struct Person: Sendable {
  let store: ConversationStore
  let user: UserID
  var conversation: ConversationID
  /// Noon in Shanghai.
  var now = Timestamp(microseconds: 1_773_806_400_000_000)
  var server: ServerID = "server-1"
  var lease_ms: Int64 = 60_000

  init(tier: Tier = .free, timeZone: String? = nil, apart: Bool = false) async throws {
    store = apart ? try await TestDatabase.apart.value : try await TestDatabase.store
    user = UserID("user-" + UUID().uuidString)
    conversation = ConversationID("conversation-" + UUID().uuidString)
    var change = UserChange(id: user)
    change.tier = tier
    change.timeZone = timeZone
    _ = try await store.upsertUser(change, now: now)
  }

  var lease: LeaseRequest { LeaseRequest(server: server, duration_ms: lease_ms) }

  static func digest(_ text: String) -> [UInt8] { Array(text.utf8) }
  static func id() -> String { UUID().uuidString.lowercased() }

  func connect(
    interactive: Bool = true, replay: ConnectCommand.Replay = .none, device: String = "", limit: Int = 1000,
    until: TurnID? = nil
  ) async throws -> ConnectOutcome {
    try await store.connect(
      ConnectCommand(
        user: user, conversation: conversation, interactive: interactive, now: now, replay: replay, device: device,
        replayLimit: limit, untilTurn: until))
  }

  func greet(_ kind: TurnKind = .opening, expecting count: Int64 = 0) async throws -> GreetingOutcome {
    try await store.enqueueGreeting(
      GreetingCommand(
        user: user, conversation: conversation, kind: kind, turn: TurnID(Self.id()), expectedMessageCount: count,
        lease: lease, now: now))
  }

  @discardableResult
  func send(
    _ text: String = "我小时候住在河边", request: RequestID? = nil, chip: String? = nil, clientTime: Timestamp? = nil
  ) async throws -> SendTextOutcome {
    try await store.sendText(
      SendTextCommand(
        user: user, conversation: conversation, text: text, request: request,
        digest: Self.digest(conversation.rawValue + text), chipID: chip, clientTime: clientTime,
        message: MessageID(Self.id()), turn: TurnID(Self.id()), lease: lease, now: now))
  }

  func completion(
    _ turn: LeasedTurn, pieces: [String] = ["河边真好。", "那时候家里有谁？"], chips: [Chip] = []
  ) -> TurnCompletion {
    TurnCompletion(
      user: turn.user, conversation: turn.conversation, lease: turn.lease, message: MessageID(Self.id()),
      pieces: pieces, interviewState: "{\"n\":\(turn.context.interviewVersion)}", interviewStage: "childhood",
      interviewVersion: turn.context.interviewVersion, awaitsProfileAnswer: false, profile: turn.context.profile,
      profileChanges: [], stage: "childhood", chips: chips, nextLease: lease, now: now)
  }

  @discardableResult
  func complete(_ turn: LeasedTurn?, chips: [Chip] = []) async throws -> TurnEndOutcome {
    try await store.completeTurn(completion(try #require(turn), chips: chips))
  }

  func fail(_ turn: LeasedTurn?) async throws -> TurnEndOutcome {
    try await store.failTurn(
      TurnFailure(
        user: user, conversation: conversation, lease: try #require(turn).lease,
        reason: .engineTimedOut, retryable: true, nextLease: lease, now: now))
  }

  func retry(_ turn: TurnID) async throws -> RetryTurnOutcome {
    try await store.retryTurn(
      RetryTurnCommand(user: user, conversation: conversation, turn: turn, lease: lease, now: now))
  }

  func end(request: RequestID? = nil) async throws -> EndOutcome {
    try await store.endConversation(
      EndCommand(
        user: user, conversation: conversation, request: request, digest: Self.digest(conversation.rawValue), now: now))
  }

  func log() async throws -> [DurableEvent] {
    try await store.events(user: user, conversation: conversation, after: 0, through: .max, limit: 100_000)
  }

  func record() async throws -> ConversationRecord {
    try await store.conversation(user: user, conversation: conversation)
  }

  /// One number from a query about this user.
  func count(_ sql: String) async throws -> Int64 {
    let pool = try await TestDatabase.pool
    let name = "test_" + String(UInt64(bitPattern: Int64(sql.hashValue)), radix: 16)
    return try await pool.query(Statement(name, sql), [.text(user.rawValue)]).first?.int64(0) ?? -1
  }
}

extension TurnEndOutcome {
  var ended: (events: [DurableEvent], next: LeasedTurn?)? {
    if case .ended(let events, _, let next) = self { (events, next) } else { nil }
  }
  var isFenced: Bool { if case .fenced = self { true } else { false } }
  var changed: TurnContext? { if case .stateChanged(let context) = self { context } else { nil } }
}

func isGapless(_ events: [DurableEvent]) -> Bool {
  events.map(\.sequence) == Array(1...max(1, Int64(events.count))).prefix(events.count).map { $0 }
}
