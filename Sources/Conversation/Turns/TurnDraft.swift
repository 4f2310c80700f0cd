import Interview

/// A turn's plan: the interview's decision on one context (pure).
struct TurnDraft: Sendable {
  let context: TurnContext
  let request: ChatRequest
  private let kind: TurnKind

  init(_ turn: LeasedTurn, context: TurnContext? = nil, settings: ConversationSettings, now: Timestamp) throws {
    let context = context ?? turn.context
    self.context = context
    kind = turn.kind
    let state = try InterviewState(jsonText: context.interviewState)
    let local = LocalMoment(at_us: now.microseconds, timeZone: context.timeZone)
    let idle_s = context.lastMessageTime.map { now.seconds(since: $0) } ?? 0
    switch (turn.kind, turn.message) {
    case (.reply, let message?):
      request = .reply(
        Interviewer.plan(
          TurnInput(
            profile: context.profile, state: state, history: context.history,
            text: MessageText.trimmed(message.text),
            messageID: message.id.rawValue, chipID: message.chipID, idle_s: idle_s, local: local,
            seed: context.turnOrdinal)))
    case (let kind, _):
      request = .greeting(
        Interviewer.plan(
          GreetingInput(
            kind: GreetingKind(kind), profile: context.profile, state: state, history: context.history,
            idle_s: idle_s, local: local, seed: context.turnOrdinal)))
    }
  }

  var isGreeting: Bool { kind.isGreeting }

  /// What is said when the model fails: a greeting never does (design §7).
  var template: [String]? {
    guard case .greeting(let plan) = request else { return nil }
    return Interviewer.greeting(plan)
  }

  struct Result: Sendable {
    var state: InterviewState
    var profile: Profile
    var profileChanges: Set<ProfileField>
    var stage: String
    var chips: [Chip]

    func suggestions(for kind: TurnKind) -> Suggestions? {
      guard !chips.isEmpty else { return nil }
      let reason: Suggestions.Reason =
        switch kind {
        case .reply: .turn
        case .opening, .profileGreeting: .opening
        case .reGreeting: .reGreeting
        }
      return Suggestions(reason: reason, stage: state.stage.rawValue, chips: chips)
    }
  }

  /// Everything that is stored beside the pieces.
  func result(_ pieces: [String], settings: ConversationSettings) -> Result {
    let state: InterviewState
    var profile = context.profile
    var changes: Set<ProfileField> = []
    switch request {
    case .reply(let plan):
      state = Interviewer.commit(plan, reply: pieces)
      profile = plan.profile
      changes = plan.profileChanges
    case .greeting(let plan):
      state = Interviewer.commit(plan, greeting: pieces)
    }
    let showsChips = settings.chipsEnabled && profile.isComplete
    return Result(
      state: state, profile: profile, profileChanges: changes,
      stage: Stage.aligned(conversation: context.stage, memoir: state.stage.rawValue),
      chips: showsChips ? Interviewer.chips(state: state, max: settings.chipsMaximum) : [])
  }
}

extension GreetingKind {
  init(_ kind: TurnKind) {
    switch kind {
    case .profileGreeting: self = .profileGreeting
    case .reGreeting: self = .reGreeting
    case .opening, .reply: self = .opening
    }
  }
}
