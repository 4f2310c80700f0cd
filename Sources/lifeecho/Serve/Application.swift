import Auth
import Conversation
import ConversationAPI
import ConversationServer
import ConversationStore
import Engines
import Interview
import Logging
import NIOPosix
import Operations
import PostgreSQL
import RPC
import Synchronization

/// The parts of the application, joined.
struct Application {
  let hub: ConversationHub
  let turns: TurnEngine
  let voice: VoiceSessions
  let maintenance: Maintenance
  let readiness = Readiness()
  let clock: StoreClock
  private let service: ConversationService
  private let users: UserDirectory
  private let openAI: OpenAIChatModel?
  private let speech: SpeechEngines
  private let logger: Logger
  private let pool: PostgreSQLPool

  /// Asks the database for its time first: what is decided by the clock must not be decided by another one.
  init(
    _ configuration: ServiceConfiguration, database: Database, group: MultiThreadedEventLoopGroup, logger: Logger
  ) async throws {
    self.logger = logger
    pool = database.pool
    var settings = ConversationSettings(configuration)
    let identifiers = TimeOrderedIdentifiers()
    let server = ServerID(identifiers.next())
    let store = ConversationStore(pool: database.pool) { tier in
      let limits = tier == .premium ? configuration.quota.premium : configuration.quota.free
      return QuotaLimits(turns: limits.turns, speech_ms: limits.speech.milliseconds)
    }
    clock = StoreClock(machine: SystemClock())
    try await clock.follow(store, logger: logger)
    let notifier: any Notifier
    if database.isPrivate {
      notifier = InProcessNotifier()
    } else {
      notifier = PostgreSQLNotifier(pool: database.pool, server: server)
      settings.headsInterval_ms = 10_000
    }
    hub = ConversationHub(
      notifier: notifier,
      bounds: .init(events: settings.subscriberEvents, size_bytes: settings.subscriberBytes))
    openAI = try OpenAIChatModel(configuration.chat)
    speech = try SpeechEngines(configuration.speech)
    turns = TurnEngine(
      server: server, store: store, model: openAI ?? BuiltInInterviewer() as any ChatModel, hub: hub,
      settings: settings, clock: clock, identifiers: identifiers, launcher: LoopTasks(group: group), logger: logger)
    service = ConversationService(
      store: store, hub: hub, turns: turns, settings: settings, clock: clock, identifiers: identifiers,
      speech: speech.synthesizer.map {
        SpeechEngine(synthesizer: $0, launcher: LoopTasks(group: group), logger: logger)
      },
      logger: logger)
    voice = VoiceSessions(
      store: store, hub: hub, turns: turns, recognizer: speech.recognizer, settings: VoiceSettings(configuration),
      clock: clock, identifiers: identifiers, launcher: LoopTasks(group: group), logger: logger)
    users = UserDirectory(store: store, hub: hub, clock: clock)
    maintenance = Maintenance(
      store: store, hub: hub, turns: turns, settings: settings, clock: clock, notifier: notifier, voice: voice,
      logger: logger)
  }

  /// Everything the gRPC server answers, and what runs around each call.
  func policy(verifier: TokenVerifier, health: HealthRegistry, clock: any WallClock) throws -> ServerPolicy {
    var router = ServerRouter()
    ConversationHandler(service: service, voice: voice).register(on: &router)
    UserHandler(users: users).register(on: &router)
    MemoirIngestHandler().register(on: &router)
    for name in router.services + [""] { health.set(.notServing, for: name) }
    HealthService(health).register(on: &router)
    try ReflectionService(descriptorSet: DescriptorSet.bytes).register(on: &router)
    return ServerPolicy(
      router: router,
      interceptors: [
        LoggingInterceptor(logger: logger), MetricsInterceptor(), AuthInterceptor(verifier: verifier),
      ], logger: logger
    ) { error, _ in ErrorStatus.status(of: error, now: clock.now()) }
  }

  /// Why no traffic should come now.
  @Sendable func readinessProblems() async -> [String] {
    guard readiness.isOpen else { return ["starting or stopping"] }
    do {
      _ = try await pool.query(Statement("readiness", "SELECT 1"), [], kind: .read)
      return []
    } catch {
      return ["store: \(error)"]
    }
  }

  func close() async {
    await openAI?.shutdown()
    await speech.shutdown()
  }
}

/// Whether the server wants traffic.
final class Readiness: Sendable {
  private let state = Atomic(false)

  var isOpen: Bool { state.load(ordering: .acquiring) }
  func open() { state.store(true, ordering: .releasing) }
  func close() { state.store(false, ordering: .releasing) }
}

extension ConversationSettings {
  init(_ configuration: ServiceConfiguration) {
    self.init()
    chipsEnabled = configuration.chips.isEnabled
    chipsMaximum = configuration.chips.count_max
    reGreetingEnabled = configuration.regreeting.isEnabled
    reGreetingIdle_s = Int(configuration.regreeting.idle.components.seconds)
    heartbeatInterval_ms = configuration.connect.heartbeat.milliseconds
    subscriberEvents = configuration.connect.bufferEvents
    subscriberBytes = configuration.connect.buffer_bytes
    lease_ms = configuration.turnLease.milliseconds
    leaseRenewal_ms = max(1, lease_ms / 3)
    claimInterval_ms = max(1, lease_ms / 3)
    if case .openai(let chat) = configuration.chat { replyTimeout_ms = chat.totalTimeout.milliseconds }
  }
}

extension VoiceSettings {
  init(_ configuration: ServiceConfiguration) {
    self.init()
    lease_ms = configuration.turnLease.milliseconds
    leaseRenewal_ms = max(1, lease_ms / 3)
    claimInterval_ms = max(1, lease_ms / 3)
    feedbackDelay_ms = configuration.voice.feedbackDelay.milliseconds
    feedbackText = configuration.voice.feedbackText
    workers = configuration.voice.workers
    recognitionTimeout_ms = configuration.voice.recognitionTimeout.milliseconds
    recognitionBackoff_ms = configuration.voice.backoff.milliseconds
    abandonment_ms = configuration.voice.abandonment.milliseconds
    gapPatience_ms = configuration.voice.gapPatience.milliseconds
    audioRetention_ms = configuration.voice.audioRetention.milliseconds
    failedAudioRetention_ms = configuration.voice.failedAudioRetention.milliseconds
  }
}

extension Duration {
  var milliseconds: Int64 { components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000 }
}
