/// Which greeting a connect is owed.
package enum GreetingKind: String, Sendable, CaseIterable {
  case none
  case profileGreeting = "profile_greeting"
  case opening
  case reGreeting = "re_greeting"
}

package struct GreetingSettings: Sendable, Equatable {
  package var reGreetingEnabled: Bool
  /// Inclusive.
  package var reGreetingIdle_s: Int

  package init(reGreetingEnabled: Bool = true, reGreetingIdle_s: Int = 6 * 3600) {
    self.reGreetingEnabled = reGreetingEnabled
    self.reGreetingIdle_s = reGreetingIdle_s
  }
}

/// How long the person was away; each bucket has its own words, and none of them blames.
package enum IdleBucket: String, Sendable, CaseIterable {
  case hours, days, week, long

  /// 6–24 h, 1–3 d, 3–14 d, more (voice systems survey §3.3). Negative counts as 0.
  package init(idle_s: Int) {
    switch idle_s {
    case ..<(24 * 3600): self = .hours
    case ..<(3 * 24 * 3600): self = .days
    case ..<(14 * 24 * 3600): self = .week
    default: self = .long
    }
  }
}

package enum PartOfDay: String, Sendable, CaseIterable {
  case morning, noon, afternoon, evening, night

  package init(hour: Int) {
    switch hour {
    case 5..<11: self = .morning
    case 11..<13: self = .noon
    case 13..<18: self = .afternoon
    case 18..<23: self = .evening
    default: self = .night
    }
  }
}

package enum Greeting {
  /// - Parameter idle_s: seconds since the last message of either side, `nil` when unknown (then no re-greeting).
  package static func due(
    historyIsEmpty: Bool, profile: Profile, idle_s: Int?, settings: GreetingSettings = GreetingSettings()
  ) -> GreetingKind {
    if historyIsEmpty { return profile.isComplete ? .opening : .profileGreeting }
    guard settings.reGreetingEnabled, profile.isComplete, let idle_s else { return .none }
    return max(0, idle_s) >= settings.reGreetingIdle_s ? .reGreeting : .none
  }
}

package struct GreetingInput: Sendable {
  package var kind: GreetingKind
  package var profile: Profile
  package var state: InterviewState
  package var history: [DialogueMessage]
  package var idle_s: Int
  package var local: LocalMoment
  package var seed: Int

  package init(
    kind: GreetingKind, profile: Profile, state: InterviewState, history: [DialogueMessage] = [], idle_s: Int = 0,
    local: LocalMoment, seed: Int
  ) {
    self.kind = kind
    self.profile = profile
    self.state = state
    self.history = history
    self.idle_s = idle_s
    self.local = local
    self.seed = seed
  }
}

package struct GreetingPlan: Sendable {
  package var input: GreetingInput
  package var state: InterviewState
  package var move: TurnPlan.Move
  package var bucket: IdleBucket
  package var partOfDay: PartOfDay
  /// What the person spoke of last, at most `Limits.topicCharacters` characters.
  package var lastTopic: String?
  /// The title of the slot that was spoken of last.
  package var lastSlotTitle: String?
  package var lastQuestion: String?
}
