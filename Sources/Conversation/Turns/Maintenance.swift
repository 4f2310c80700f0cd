package import Logging

/// What the application does by the clock: heartbeats, renewal of leases, taking over of turns and erasures, removing what
/// is old, looking for other servers' news.
package struct Maintenance: Sendable {
  private let store: any Store
  private let hub: ConversationHub
  private let turns: TurnEngine
  private let settings: ConversationSettings
  private let clock: StoreClock
  private let notifier: any Notifier
  /// `nil`: no speech is recognised here.
  private let voice: VoiceSessions?
  private let logger: Logger
  private let metrics = MaintenanceMetrics()

  package init(
    store: any Store, hub: ConversationHub, turns: TurnEngine, settings: ConversationSettings, clock: StoreClock,
    notifier: any Notifier, voice: VoiceSessions? = nil, logger: Logger
  ) {
    self.store = store
    self.hub = hub
    self.turns = turns
    self.settings = settings
    self.clock = clock
    self.notifier = notifier
    self.voice = voice
    self.logger = logger
  }

  /// Runs until the task is cancelled.
  package func run() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await every(settings.heartbeatInterval_ms / Int64(ConversationHub.ringSize)) { beat() } }
      group.addTask { await every(settings.leaseRenewal_ms) { await turns.renewLeases() } }
      group.addTask { await every(settings.claimInterval_ms) { await claim() } }
      group.addTask { await every(settings.pruneInterval_ms, first_ms: Limits.firstPrune_ms) { await prune() } }
      group.addTask { await every(settings.choresInterval_ms, first_ms: 0) { await askForTime() } }
      group.addTask { await every(settings.choresInterval_ms, first_ms: 0) { await eraseTheRest() } }
      group.addTask { await followHints() }
      if let voice { group.addTask { await voice.run() } }
      if settings.headsInterval_ms > 0 {
        group.addTask { await every(settings.headsInterval_ms) { await lookForHeads() } }
      }
    }
  }

  private func beat() { hub.tick(now: clock.machineTime()) }

  private func claim() async {
    do {
      try await turns.claim(alone: false)
    } catch {
      logger.warning("open turns not looked for", metadata: ["error": "\(error)"])
    }
  }

  private func prune() async {
    await attempt(.requests, "old request records not removed") { try await store.pruneRequests(now: clock.now()) }
    await attempt(.audio, "audio whose time is over not removed") { try await store.pruneAudio(now: clock.now()) }
  }

  private func askForTime() async {
    do {
      try await clock.follow(store, logger: logger)
    } catch {
      logger.warning("the database's time not asked for", metadata: ["error": "\(error)"])
    }
  }

  /// Goes on with erasures that somebody left unfinished, as long as that takes.
  private func eraseTheRest() async {
    await attempt(.erasures, "unfinished erasures not looked for") {
      for user in try await store.erasures(limit: Limits.erasuresAtOnce) {
        await attempt(.erasures, "a user not erased to the end") { try await store.erase(user) }
      }
    }
  }

  /// What fails is done in the next round.
  private func attempt(
    _ task: MaintenanceMetrics.Task, _ failure: Logger.Message, _ work: () async throws -> Void
  ) async {
    do {
      try await work()
    } catch is CancellationError {
    } catch {
      metrics.failed(task)
      logger.warning(failure, metadata: ["error": "\(error)"])
    }
  }

  private func followHints() async {
    for await event in notifier.hints() {
      switch event {
      case .hint(let hint): hub.noteHead(hint.conversation, hint.head)
      case .feedback(let feedback): hub.pass(feedback)
      case .erased(let user): hub.endAll(of: user)
      case .missed: await lookForHeads()
      }
    }
  }

  /// Asks the store for the heads of everything that is followed here; conversations that are gone end.
  private func lookForHeads() async {
    let live = hub.liveConversations()
    var start = live.startIndex
    while start < live.endIndex, !Task.isCancelled {
      let end = min(start + Limits.headsBatch, live.endIndex)
      let batch = Array(live[start..<end])
      do {
        for (entry, head) in zip(batch, try await store.heads(of: batch)) {
          hub.noteHead(entry.conversation, head ?? ConversationHint.gone)
        }
      } catch {
        logger.warning("heads not looked for", metadata: ["error": "\(error)"])
        return
      }
      start = end
    }
  }

  private func every(_ interval_ms: Int64, first_ms: Int64 = .max, _ action: () async -> Void) async {
    var pause_ms = min(interval_ms, first_ms)
    while !Task.isCancelled {
      do { try await Task.sleep(for: .milliseconds(max(1, pause_ms))) } catch { return }
      await action()
      pause_ms = interval_ms
    }
  }
}
