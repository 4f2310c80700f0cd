import Conversation
import Synchronization

/// The deadlines of one reply: a total one, and one for the wait that is going on. It ends the reply by throwing.
final class Watchdog: Sendable {
  private struct Wait {
    var end: ContinuousClock.Instant
    var what: String
  }

  private let total: ContinuousClock.Instant
  private let wait: Mutex<Wait>

  init(total: Duration) {
    self.total = .now + total
    wait = Mutex(Wait(end: .now + total, what: "the whole reply"))
  }

  var remaining: Duration { total - .now }

  /// From now on `what` may take this long.
  func expect(_ what: String, within duration: Duration) {
    let end = ContinuousClock.Instant.now + duration
    wait.withLock { $0 = end < total ? Wait(end: end, what: what) : Wait(end: total, what: "the whole reply") }
  }

  /// Runs until a deadline passes. - Throws: `ChatModelError.timedOut`, or `CancellationError`.
  func run() async throws {
    while true {
      let current = wait.withLock { $0 }
      if current.end <= .now { throw ChatModelError.timedOut(current.what) }
      try await Task.sleep(until: current.end, clock: .continuous)
    }
  }
}
