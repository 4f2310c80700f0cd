/// Growing pauses between attempts, jittered so that many clients do not come back together.
struct Backoff {
  private var attempt: UInt64 = 0

  /// The next pause, in milliseconds: doubled each time up to the longest, then a random half of it is taken off.
  mutating func next_ms(random: (ClosedRange<UInt64>) -> UInt64 = { UInt64.random(in: $0) }) -> UInt64 {
    let whole = min(
      PostgreSQLLimits.reconnectPauseFirst_ms << min(attempt, 20), PostgreSQLLimits.reconnectPauseLongest_ms)
    attempt += 1
    return random(whole / 2...whole)
  }

  mutating func reset() {
    attempt = 0
  }
}
