import Synchronization

/// The deadlines of one streamed answer: a total one, and one for the wait that is going on. It ends the answer by
/// throwing.
final class Watchdog: Sendable {
  private struct Wait {
    var end: ContinuousClock.Instant
    var what: String
    /// Who sleeps until an end, which need not be this one: a later one is noticed on waking.
    var sleeper: Task<Void, Never>?
    var wakes: ContinuousClock.Instant
  }

  private let total: ContinuousClock.Instant
  private let whole: String
  private let wait: Mutex<Wait>

  /// - Parameter whole: what `total` is for, as in "the whole reply".
  init(total: Duration, _ whole: String) {
    let end = ContinuousClock.now + total
    self.total = end
    self.whole = whole
    wait = Mutex(Wait(end: end, what: whole, sleeper: nil, wakes: end))
  }

  var remaining: Duration { total - .now }

  /// From now on `what` may take this long.
  func expect(_ what: String, within duration: Duration) {
    let end = ContinuousClock.Instant.now + duration
    let oversleeping: Task<Void, Never>? = wait.withLock { wait in
      wait.end = min(end, total)
      wait.what = end < total ? what : whole
      return wait.end < wait.wakes ? wait.sleeper : nil
    }
    oversleeping?.cancel()
  }

  /// Runs `operation`, and ends it when a deadline passes. Returns when it has ended, and so when its connection is
  /// closed. async-http-client's own deadline covers a response's head alone.
  /// - Throws: `ExchangeFailure.timedOut`, or what `operation` throws.
  func watch<Value: Sendable>(_ operation: @escaping @Sendable () async throws -> Value) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
      defer { group.cancelAll() }
      group.addTask { throw try await self.expiry() }
      group.addTask { try await operation() }
      guard let value = try await group.next() else { throw CancellationError() }
      return value
    }
  }

  private func expiry() async throws -> ExchangeFailure {
    while let sleeper = nextSleep() {
      await withTaskCancellationHandler {
        await sleeper.value
      } onCancel: {
        sleeper.cancel()
      }
      try Task.checkCancellation()
    }
    return .timedOut(wait.withLock { $0.what })
  }

  /// nil when the deadline has passed.
  private func nextSleep() -> Task<Void, Never>? {
    wait.withLock { wait in
      let end = wait.end
      guard end > .now else { return nil }
      let sleeper = Task { _ = try? await Task.sleep(until: end, clock: .continuous) }
      wait.sleeper = sleeper
      wait.wakes = end
      return sleeper
    }
  }
}
