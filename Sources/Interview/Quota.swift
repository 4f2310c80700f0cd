/// What a subscription allows per local day (design §8).
package enum Tier: String, Sendable, CaseIterable {
  case free, premium

  /// Reads a stored subscription type; what is unknown or blank is free.
  package init(subscriptionType: String) {
    self = Tier(rawValue: MessageText.trimmed(subscriptionType).lowercased()) ?? .free
  }

  package var limits: QuotaLimits {
    switch self {
    case .free: QuotaLimits(turns: 30, speech_ms: 20 * 60_000)
    case .premium: QuotaLimits(turns: 500, speech_ms: 240 * 60_000)
    }
  }
}

package struct QuotaLimits: Sendable, Equatable {
  package var turns: Int
  package var speech_ms: Int64

  package init(turns: Int, speech_ms: Int64) {
    self.turns = turns
    self.speech_ms = speech_ms
  }
}

/// What a user has used of a day: committed, and reserved by work that may still be released.
package struct QuotaUsage: Sendable, Equatable {
  package var turnsUsed: Int
  package var turnsReserved: Int
  package var speechUsed_ms: Int64
  package var speechReserved_ms: Int64

  package init(turnsUsed: Int = 0, turnsReserved: Int = 0, speechUsed_ms: Int64 = 0, speechReserved_ms: Int64 = 0) {
    self.turnsUsed = turnsUsed
    self.turnsReserved = turnsReserved
    self.speechUsed_ms = speechUsed_ms
    self.speechReserved_ms = speechReserved_ms
  }
}

package struct QuotaAmount: Sendable, Equatable {
  package var limit: Int64
  package var used: Int64
  package var reserved: Int64

  /// Used or promised; never negative, never overflowing.
  package var taken: Int64 {
    let (sum, overflow) = max(0, used).addingReportingOverflow(max(0, reserved))
    return overflow ? .max : sum
  }
  package var remaining: Int64 { taken >= limit ? 0 : limit - taken }
  package var isExhausted: Bool { remaining == 0 }
  /// 80 % or more is taken.
  package var isWarning: Bool { limit <= 0 || taken >= limit - limit / 5 }
}

package struct QuotaStatus: Sendable, Equatable {
  package var tier: Tier
  package var turns: QuotaAmount
  /// Milliseconds of speech.
  package var speech: QuotaAmount
  /// The user's next local midnight, in microseconds since the Unix epoch.
  package var resetTime_us: Int64

  package init(tier: Tier, usage: QuotaUsage, day: LocalDay) {
    let limits = tier.limits
    self.tier = tier
    turns = QuotaAmount(
      limit: Int64(limits.turns), used: Int64(usage.turnsUsed), reserved: Int64(usage.turnsReserved))
    speech = QuotaAmount(limit: limits.speech_ms, used: usage.speechUsed_ms, reserved: usage.speechReserved_ms)
    resetTime_us = day.end_us
  }

  package var isWarning: Bool { turns.isWarning || speech.isWarning }
  package var admitsTurn: Bool { !turns.isExhausted }
  package var admitsSpeech: Bool { !speech.isExhausted }
}
