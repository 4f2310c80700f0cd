/// A token bucket over whole seconds, eight bytes small. It survives a clock that goes backwards and never overflows.
struct TokenBucket {
  private(set) var tokens: Int32
  private var updated_s: UInt32

  init(_ limit: RateLimit, now_s: UInt32) {
    tokens = limit.burst
    updated_s = now_s
  }

  /// Takes `count` tokens; false when there are not that many (none are taken then).
  mutating func take(_ count: Int, _ limit: RateLimit, now_s: UInt32) -> Bool {
    refill(limit, now_s: now_s)
    guard Int(tokens) >= count else { return false }
    tokens -= Int32(count)
    return true
  }

  private mutating func refill(_ limit: RateLimit, now_s: UInt32) {
    guard now_s != updated_s else { return }
    let elapsed_s = now_s > updated_s ? Int64(now_s - updated_s) : 0
    updated_s = now_s
    tokens = Int32(min(Int64(limit.burst), Int64(tokens) + elapsed_s * Int64(limit.perSecond)))
  }
}
