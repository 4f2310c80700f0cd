import Testing

@testable import Interview

@Suite struct QuotaTests {
  private static let hour: Int64 = 3_600_000_000

  @Test(arguments: [
    // instant (seconds since the epoch), zone, day, its start in seconds, hours
    (1_795_219_200, "Asia/Shanghai", "2026-11-21", 1_795_190_400, 24),
    (1_795_190_400, "Asia/Shanghai", "2026-11-21", 1_795_190_400, 24),
    (1_795_190_399, "Asia/Shanghai", "2026-11-20", 1_795_104_000, 24),
    (1_795_219_200, "", "2026-11-21", 1_795_190_400, 24),
    (1_795_219_200, "Mars/Olympus", "2026-11-21", 1_795_190_400, 24),
    // the day of the change to summer time in New York, 2026-03-08, has 23 hours; the one back, 2026-11-01, has 25
    (1_772_989_200, "America/New_York", "2026-03-08", 1_772_946_000, 23),
    (1_793_538_000, "America/New_York", "2026-11-01", 1_793_505_600, 25),
    // the clock jumps at midnight: 2026-09-06 in Santiago begins at 01:00
    (1_788_710_400, "America/Santiago", "2026-09-06", 1_788_667_200, 23),
    (0, "UTC", "1970-01-01", 0, 24),
    (-1, "UTC", "1969-12-31", -86_400, 24),
  ])
  func localDays(instant_s: Int64, zone: String, day: String, start_s: Int64, hours: Int64) {
    let local = LocalDay(containing_us: instant_s * 1_000_000, timeZone: zone)
    #expect(local.isoDate == day)
    #expect(local.start_us == start_s * 1_000_000)
    #expect(local.end_us - local.start_us == hours * Self.hour)
    #expect(LocalDay(containing_us: local.end_us - 1, timeZone: zone) == local)
    #expect(LocalDay(containing_us: local.end_us, timeZone: zone).start_us == local.end_us)
  }

  @Test func zonesAreKnownOrNot() {
    #expect(LocalDay.isKnown(timeZone: "Asia/Shanghai"))
    #expect(!LocalDay.isKnown(timeZone: "Mars/Olympus") && !LocalDay.isKnown(timeZone: ""))
    #expect(LocalMoment(at_us: 1_795_219_200_000_000) == LocalMoment(year: 2026, hour: 8))
  }

  @Test(arguments: [("premium", Tier.premium), (" Premium ", .premium), ("free", .free), ("", .free), ("gold", .free)])
  func tiers(name: String, tier: Tier) {
    #expect(Tier(subscriptionType: name) == tier)
  }

  @Test func limits() {
    #expect(Tier.free.limits == QuotaLimits(turns: 30, speech_ms: 1_200_000))
    #expect(Tier.premium.limits == QuotaLimits(turns: 500, speech_ms: 14_400_000))
  }

  @Test(arguments: [
    // used, reserved, remaining, warning
    (0, 0, 30, false), (23, 0, 7, false), (24, 0, 6, true), (20, 4, 6, true), (29, 0, 1, true), (29, 1, 0, true),
    (30, 0, 0, true), (40, 0, 0, true), (-5, 0, 30, false),
  ])
  func amounts(used: Int, reserved: Int, remaining: Int64, isWarning: Bool) {
    let day = LocalDay(containing_us: 0)
    let status = QuotaStatus(tier: .free, usage: QuotaUsage(turnsUsed: used, turnsReserved: reserved), day: day)
    #expect(status.turns.remaining == remaining)
    #expect(status.turns.isWarning == isWarning)
    #expect(status.admitsTurn == (remaining > 0))
    #expect(status.isWarning == isWarning)
    #expect(status.admitsSpeech && status.resetTime_us == day.end_us)
  }

  @Test func extremesDoNotOverflow() {
    let amount = QuotaAmount(limit: 10, used: .max, reserved: .max)
    #expect(amount.remaining == 0 && amount.isExhausted && amount.isWarning)
  }
}
