package import Logging
import Synchronization

/// The database's time of day, by which every server on it goes: the machine's own time and a difference that is measured
/// again and again. Leases end by the database's clock; with clocks of their own, a server that is fast would give up what
/// people say to the others. Calls come from any thread.
package final class StoreClock: WallClock {
  private let machine: any WallClock
  private let difference_us = Atomic<Int64>(0)

  package init(machine: any WallClock) { self.machine = machine }

  package func now() -> Timestamp {
    Timestamp(microseconds: machine.now().microseconds + difference_us.load(ordering: .relaxed))
  }

  package func machineTime() -> Timestamp { machine.now() }

  /// Asks the store for its time, and goes by that.
  package func follow(_ store: any Store, logger: Logger) async throws {
    let (asked, began) = (machine.now(), ContinuousClock.now)
    let time = try await store.time()
    let elapsed_us = began.elapsed_ns / 1_000
    if let change_us = follow(time, asked: asked, elapsed_us: elapsed_us), abs(change_us) >= Limits.clockJump_us {
      logger.warning(
        "this machine's clock and the database's differ: the database's counts",
        metadata: ["change_ms": "\(change_us / 1_000)"])
    }
  }

  /// The store read `time` at some moment within `elapsed_us` from `asked`; most likely in the middle.
  /// - Returns: by how much the clock was changed; `nil`: what was measured may be the round trip's own error.
  @discardableResult
  package func follow(_ time: Timestamp, asked: Timestamp, elapsed_us: Int64) -> Int64? {
    let measured_us = time.microseconds - (asked.microseconds + elapsed_us / 2)
    let change_us = measured_us - difference_us.load(ordering: .relaxed)
    guard abs(change_us) > elapsed_us / 2 + 1 else { return nil }
    difference_us.store(measured_us, ordering: .relaxed)
    return change_us
  }
}
