import Testing

@testable import HTTP2

@Suite struct RateLimiterTests {
  @Test func takesTheBurstAndThenTheRate() {
    var limiter = RateLimiter(RateLimit(burst: 3, perSecond: 2), now_s: 100)
    for _ in 1...3 { #expect(take(&limiter, 1, now_s: 100) == true) }
    #expect(take(&limiter, 1, now_s: 100) == false)
    #expect(take(&limiter, 1, now_s: 101) == true)
    #expect(take(&limiter, 1, now_s: 101) == true)
    #expect(take(&limiter, 1, now_s: 101) == false)
  }

  @Test func neverHoldsMoreThanTheBurst() {
    var limiter = RateLimiter(RateLimit(burst: 3, perSecond: 2), now_s: 0)
    #expect(take(&limiter, 3, now_s: 1_000) == true)
    #expect(take(&limiter, 1, now_s: 1_000) == false)
  }

  @Test func aClockThatGoesBackwardsAddsNothingAndIsFollowed() {
    var limiter = RateLimiter(RateLimit(burst: 2, perSecond: 1), now_s: 100)
    #expect(take(&limiter, 2, now_s: 100) == true)
    #expect(take(&limiter, 1, now_s: 50) == false)
    #expect(limiter.updated_s == 50)
    #expect(take(&limiter, 1, now_s: 51) == true)
  }

  @Test func elapsedTimesRateMayOverflow() {
    var limiter = RateLimiter(RateLimit(burst: 5, perSecond: .max), now_s: 0)
    #expect(take(&limiter, 5, now_s: 0) == true)
    #expect(take(&limiter, 5, now_s: 3) == true)
  }

  @Test func tokensPlusGainMayOverflow() {
    var limiter = RateLimiter(RateLimit(burst: .max, perSecond: .max), now_s: 0)
    #expect(take(&limiter, 1, now_s: 0) == true)
    #expect(take(&limiter, .max, now_s: 1) == true)
    #expect(limiter.tokens == 0)
  }

  @Test func takingMoreThanThereIsTakesNothing() {
    var limiter = RateLimiter(RateLimit(burst: 3, perSecond: 1), now_s: 0)
    #expect(take(&limiter, 4, now_s: 0) == false)
    #expect(limiter.tokens == 3)
  }

  private func take(_ limiter: inout RateLimiter, _ count: UInt64, now_s: UInt64) -> Bool {
    limiter.take(count, now_s: now_s)
  }
}
