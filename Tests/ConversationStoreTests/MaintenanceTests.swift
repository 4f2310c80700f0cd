import Conversation
import ConversationStore
import Logging
import PostgreSQL
import Synchronization
import TestSupport
import Testing

/// What a server does by the clock.
@Suite struct MaintenanceTests {
  private final class TurnedClock: WallClock {
    let fast_us = Atomic<Int64>(0)
    func now() -> Timestamp {
      Timestamp(microseconds: MachineClock().now().microseconds + fast_us.load(ordering: .relaxed))
    }
  }

  @Test func aLongErasureDoesNotDelayTheLookAtTheDatabasesClock() async throws {
    let speaker = try await Speaker()
    let machine = TurnedClock()
    let clock = StoreClock(machine: machine)
    #expect(try await speaker.store.deleteUser(speaker.user))
    var maintenance: Task<Void, Never>?
    defer { maintenance?.cancel() }
    // As long as somebody else has it, the erasure waits.
    try await speaker.pool.transaction { other in
      _ = try await other.query(
        Statement("hold_erasure", "SELECT 1 FROM lifeecho.erasures WHERE user_id = $1 FOR UPDATE"),
        [.text(speaker.user.rawValue)])
      maintenance = Self.run(speaker.store, clock)
      let waiting = Statement(
        "waiting_erasures",
        """
        SELECT 1 FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock' AND strpos(query, 'erase_user') > 0
        """)
      try await waitUntil { try await !speaker.pool.query(waiting, []).isEmpty }
      machine.fast_us.store(3_600_000_000, ordering: .relaxed)
      // Half of the statement's time: when that is over, the next look comes in any case.
      try await waitUntil("the right time", within: .seconds(30)) {
        abs(clock.now().microseconds - MachineClock().now().microseconds) < 60_000_000
      }
      #expect(try await !speaker.pool.query(waiting, []).isEmpty)
    }
    try await waitUntil { try await speaker.store.erasures(limit: 10).isEmpty }
  }

  private static func run(_ store: ConversationStore, _ clock: StoreClock) -> Task<Void, Never> {
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    var settings = ConversationSettings()
    settings.choresInterval_ms = 20
    let notifier = InProcessNotifier()
    let hub = ConversationHub(notifier: notifier)
    let turns = TurnEngine(
      server: "server", store: store, model: Echo(), hub: hub, settings: settings, clock: clock,
      identifiers: RandomIdentifiers(), launcher: PlainTasks(), logger: logger)
    let maintenance = Maintenance(
      store: store, hub: hub, turns: turns, settings: settings, clock: clock, notifier: notifier, logger: logger)
    return Task { await maintenance.run() }
  }
}
