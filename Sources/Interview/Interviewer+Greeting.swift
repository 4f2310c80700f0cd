extension Interviewer {
  /// Decides what a greeting asks.
  package static func plan(_ input: GreetingInput) -> GreetingPlan {
    var state = input.state
    state.beginSession()
    var plan = GreetingPlan(
      input: input, state: state, move: .listen, bucket: IdleBucket(idle_s: input.idle_s),
      partOfDay: PartOfDay(hour: input.local.hour))
    switch input.kind {
    case .none: break
    case .profileGreeting:
      if let field = input.profile.missing.first { plan.move = .askProfile(field) }
    case .opening, .reGreeting:
      let candidates =
        Stage.allCases.filter { $0 >= state.stage } + Stage.allCases.filter { $0 < state.stage }.reversed()
      let slot = candidates.lazy.flatMap { state.promptableSlots(of: $0) }
        .first { Catalogue.slot($0)?.isSensitive == false }
      plan.move = slot.map { .ask($0) } ?? .invite
    }
    if input.kind == .reGreeting {
      if let told = input.history.last(where: { $0.role == .user && Clauses.wordCount($0.text) >= 6 }) {
        plan.lastTopic = String(MessageText.trimmed(told.text).prefix(Limits.topicCharacters))
      }
      plan.lastSlotTitle = state.lastAskedSlot.flatMap { slot in
        state.control(of: slot).declined || Catalogue.slot(slot)?.isSensitive == true
          ? nil : Catalogue.slot(slot)?.title
      }
      plan.lastQuestion =
        input.history.last { $0.role == .agent && ($0.text.contains("？") || $0.text.contains("?")) }?
        .text
    }
    return plan
  }

  /// The greeting of the built-in interviewer, and the fallback when a model fails (design §7). At most one question,
  /// which comes last; a re-greeting has at most 2 pieces of `Limits.regreetingCharacters` characters.
  package static func greeting(_ plan: GreetingPlan) -> [String] {
    let phrasing = Phrasing(history: plan.input.history, seed: plan.input.seed)
    switch plan.input.kind {
    case .none: return []
    case .profileGreeting: return profileGreeting(plan, phrasing)
    case .opening: return opening(plan, phrasing)
    case .reGreeting: return reGreeting(plan, phrasing)
    }
  }

  private static func hello(_ plan: GreetingPlan) -> String {
    let name = MessageText.trimmed(plan.input.profile.nickname ?? "")
    let short = name.count <= 10 ? name : ""
    let hello =
      switch plan.partOfDay {
      case .morning: "早上好"
      case .noon: "中午好"
      case .afternoon: "下午好"
      case .evening: "晚上好"
      case .night: "您好"
      }
    return short.isEmpty ? hello : "\(short)，\(hello)"
  }

  private static func profileGreeting(_ plan: GreetingPlan, _ phrasing: Phrasing) -> [String] {
    let question: String =
      switch plan.move {
      case .askProfile(let field): profileQuestion(field, askings: plan.state.profileAskings[field] ?? 0, phrasing)
      default: phrasing.pick(Phrases.open)
      }
    return [
      hello(plan) + "！" + phrasing.pick(Phrases.introductions), phrasing.pick(Phrases.promises), question,
    ]
  }

  private static func opening(_ plan: GreetingPlan, _ phrasing: Phrasing) -> [String] {
    let remark = plan.input.profile.backgroundVoice.openingRemark ?? phrasing.pick(Phrases.openingRemarks)
    return [hello(plan) + "！" + phrasing.pick(Phrases.openings), remark, question(plan, phrasing)]
  }

  private static func reGreeting(_ plan: GreetingPlan, _ phrasing: Phrasing) -> [String] {
    let welcome = phrasing.pick(Phrases.welcomes(plan.bucket))
    var first = "\(hello(plan))，\(welcome)"
    if let title = plan.lastSlotTitle {
      let recall = phrasing.pick(Phrases.recalls, ["s": title])
      if first.count + recall.count <= Limits.regreetingCharacters { first += recall }
    }
    if first.count > Limits.regreetingCharacters { first = welcome }
    return [first, shortQuestion(plan, phrasing)]
  }

  private static func question(_ plan: GreetingPlan, _ phrasing: Phrasing) -> String {
    guard case .ask(let id) = plan.move, let slot = Catalogue.slot(id) else { return phrasing.pick(Phrases.open) }
    return phrasing.pick(slot.openers)
  }

  private static func shortQuestion(_ plan: GreetingPlan, _ phrasing: Phrasing) -> String {
    guard case .ask(let id) = plan.move, let slot = Catalogue.slot(id) else { return phrasing.pick(Phrases.open) }
    return phrasing.pick(slot.openers.filter { $0.count <= Limits.regreetingCharacters })
  }
}
