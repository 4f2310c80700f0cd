/// A token bucket over whole seconds, after nghttp2's `nghttp2_ratelim`.
///
/// It survives a clock that goes backwards (no tokens are added, the new time is taken) and never overflows.
struct RateLimiter {
  /// The most tokens there can be, which is also the number at the start.
  let burst: UInt64
  /// Tokens added per second.
  let perSecond: UInt64
  /// Tokens there are.
  private(set) var tokens: UInt64
  /// When tokens were last added, in seconds of any clock.
  private(set) var updated_s: UInt64

  init(_ limit: RateLimit, now_s: UInt64) {
    burst = limit.burst
    perSecond = limit.perSecond
    tokens = limit.burst
    updated_s = now_s
  }

  /// Takes `count` tokens; false when there are not that many (none are taken then).
  mutating func take(_ count: UInt64 = 1, now_s: UInt64) -> Bool {
    refill(now_s: now_s)
    guard tokens >= count else { return false }
    tokens -= count
    return true
  }

  private mutating func refill(now_s: UInt64) {
    guard now_s != updated_s else { return }
    let elapsed_s = now_s > updated_s ? now_s - updated_s : 0
    updated_s = now_s
    let (gained, overflow) = elapsed_s.multipliedReportingOverflow(by: perSecond)
    let missing = burst - tokens
    tokens = overflow || gained >= missing ? burst : tokens + gained
  }
}
