extension Interviewer {
  /// What the built-in interviewer says: 1 to 3 pieces of at most `Limits.pieceCharacters` characters, at most one
  /// question, which comes last. The same plan always gives the same words.
  package static func reply(_ plan: TurnPlan) -> [String] {
    var pieces = acknowledgement(plan, plan.phrasing)
    pieces += ending(plan, plan.phrasing)
    return fitted(pieces)
  }

  /// At most `Limits.pieces` pieces; what is too many joins the last one.
  private static func fitted(_ pieces: [String]) -> [String] {
    let pieces = pieces.filter { !$0.isEmpty }
    guard pieces.count > Limits.pieces else { return pieces }
    return pieces.prefix(Limits.pieces - 1) + [pieces[(Limits.pieces - 1)...].joined()]
  }

  private static func acknowledgement(_ plan: TurnPlan, _ phrasing: Phrasing) -> [String] {
    let title = plan.target.flatMap { Catalogue.slot($0)?.title } ?? ""
    switch plan.acknowledgement {
    case .story: return [story(plan, phrasing, Phrases.storyWithDetail, Phrases.story)]
    case .brief: return [phrasing.pick(Phrases.brief, ["d": plan.detail ?? "嗯"])]
    case .saying: return [phrasing.pick(Phrases.saying, ["d": plan.analysis.saying ?? ""])]
    case .tender: return [phrasing.pick(Phrases.tender)]
    case .joy: return [story(plan, phrasing, Phrases.joyWithDetail, Phrases.joy)]
    case .hardship: return [story(plan, phrasing, Phrases.hardshipWithDetail, Phrases.hardship)]
    case .pride: return [story(plan, phrasing, Phrases.prideWithDetail, Phrases.pride)]
    case .person: return [person(plan, phrasing)]
    case .short: return [phrasing.pick(plan.move == .listen ? Phrases.tiredOffer : Phrases.short)]
    case .forgotten: return [phrasing.pick(plan.move == .listen ? Phrases.tiredOffer : Phrases.forgotten)]
    case .grief:
      let listen = phrasing.pick(Phrases.griefListen)
      if let person = plan.analysis.person, !Lexicon.acquaintances.contains(person) {
        return [phrasing.pick(Phrases.griefWithPerson, ["p": person]), listen]
      }
      return [phrasing.pick(Phrases.griefFirst), listen]
    case .comeback: return [phrasing.pick(Phrases.comeback)]
    case .decline: return [phrasing.pick(Phrases.decline)]
    case .topicChange:
      return [phrasing.pick(plan.requestedSlot == nil ? Phrases.topicChange : Phrases.topicTaken, ["s": title])]
    case .chip: return [phrasing.pick(Phrases.chip, ["s": title])]
    case .notApplicable: return [phrasing.pick(Phrases.notApplicable)]
    case .greeting: return [phrasing.pick(Phrases.greeting)]
    case .thanks: return [phrasing.pick(Phrases.thanks)]
    case .answer, .repeatRequest: return [phrasing.pick(Phrases.answers(plan.question ?? .other))]
    case .farewell:
      let topic = plan.state.lastAskedSlot.flatMap { Catalogue.slot($0)?.title }
      let thanks = Phrases.closeThanks.filter { topic != nil || !$0.contains("{s}") }
      let isNight = PartOfDay(hour: plan.input.local.hour) == .night
      return [
        phrasing.pick(thanks, ["s": topic ?? ""]), phrasing.pick(isNight ? Phrases.closeAtNight : Phrases.close),
      ]
    case .danger: return [phrasing.pick(Phrases.danger), phrasing.pick(Phrases.dangerStay)]
    case .profile, .profileRefused, .profileUnclear: return [profile(plan, phrasing)]
    }
  }

  private static func story(
    _ plan: TurnPlan, _ phrasing: Phrasing, _ withDetail: [String], _ without: [String]
  ) -> String {
    if let detail = plan.detail {
      // The words of a mood fit a detail that has that mood; others take plain words.
      let scalars = Array(detail.unicodeScalars)
      let shows =
        switch plan.acknowledgement {
        case .hardship: Lexicon.hardships.contains(scalars)
        case .joy: Lexicon.joys.contains(scalars)
        case .pride: Lexicon.prides.contains(scalars)
        default: true
        }
      return phrasing.pick(shows ? withDetail : Phrases.storyWithDetail, ["d": detail])
    }
    if let thing = plan.analysis.thing { return phrasing.pick(Phrases.storyWithThing, ["t": thing]) }
    if plan.acknowledgement != .hardship, plan.analysis.person != nil { return person(plan, phrasing) }
    return phrasing.pick(without)
  }

  private static func person(_ plan: TurnPlan, _ phrasing: Phrasing) -> String {
    guard let person = plan.analysis.person else { return phrasing.pick(Phrases.story) }
    return phrasing.pick(
      Lexicon.acquaintances.contains(person) ? Phrases.personOther : Phrases.personKin, ["p": person])
  }

  private static func profile(_ plan: TurnPlan, _ phrasing: Phrasing) -> String {
    let year = plan.profile.birthYear.map {
      ["y": String($0), "z": BirthYear.zodiacNames[BirthYear.zodiac(ofYear: $0)]]
    }
    switch plan.profileOutcome {
    case .accepted(.birthYear): return phrasing.pick(Phrases.profileYear, year ?? [:])
    case .confirmedYear: return phrasing.pick(Phrases.profileAcceptYear, year ?? [:])
    case .accepted(.birthPlace): return phrasing.pick(Phrases.profilePlace, ["v": plan.profile.birthPlace ?? ""])
    case .accepted(.grewUpPlace): return phrasing.pick(Phrases.profileGrewUp, ["v": plan.profile.grewUpPlace ?? ""])
    case .accepted(.occupation):
      return phrasing.pick(
        Phrases.profileOccupation(plan.profile.backgroundVoice), ["v": plan.profile.occupation ?? ""])
    case .samePlace: return phrasing.pick(Phrases.profileSamePlace)
    case .wrongYear: return phrasing.pick(Phrases.profileWrongYear)
    case .zodiac(let sign): return phrasing.pick(Phrases.zodiacHeard, ["z": BirthYear.zodiacNames[sign]])
    case .refused: return phrasing.pick(Phrases.profileRefused)
    case .unclear: return phrasing.pick(Phrases.profileUnclear)
    case .accepted(.nickname), nil: return ""
    }
  }

  /// The part that leads on: a question, or nothing.
  private static func ending(_ plan: TurnPlan, _ phrasing: Phrasing) -> [String] {
    switch plan.move {
    case .listen, .close: return []
    case .invite: return [plan.suggestion ?? phrasing.pick(Phrases.open)]
    case .askProfile(let field):
      if field == .birthYear, plan.state.zodiac != nil { return [phrasing.pick(Phrases.askAge)] }
      return [profileQuestion(field, askings: plan.state.profileAskings[field] ?? 0, phrasing)]
    case .confirmBirthYear(let year):
      let sign = BirthYear.zodiacNames[BirthYear.zodiac(ofYear: year)]
      return [phrasing.pick(Phrases.confirmYear, ["y": String(year), "z": sign])]
    case .followUp, .cue: return [plan.suggestion ?? phrasing.pick(Phrases.open)]
    case .ask(let id): return opening(id, plan, phrasing)
    }
  }

  /// The first two ways are plain, the later ones gentler.
  static func profileQuestion(_ field: ProfileField, askings: Int, _ phrasing: Phrasing) -> String {
    let ways = Phrases.profileQuestions(field)
    return phrasing.pick(askings == 0 ? Array(ways.prefix(2)) : Array(ways.dropFirst(2)))
  }

  private static func opening(_ id: SlotID, _ plan: TurnPlan, _ phrasing: Phrasing) -> [String] {
    let question = plan.suggestion ?? phrasing.pick(Phrases.open)
    if plan.state.pendingProfileField == nil, plan.input.state.pendingProfileField != nil {
      return [phrasing.pick(Phrases.profileComplete), question]
    }
    if id == SlotID(.adolescence, "era_event"), let hint = eraRemark(plan) { return [hint, question] }
    if plan.acknowledgement == .comeback { return [phrasing.pick(Phrases.comebackLead) + question] }
    switch plan.transition {
    case .none: return [question]
    case .stage(let stage): return [phrasing.pick(Phrases.nextStage, ["s": stage.title]), question]
    case .slot(let slot):
      let lead = phrasing.pick(Phrases.nextSlot, ["s": Catalogue.slot(slot)?.title ?? ""])
      return lead.count + question.count <= Limits.pieceCharacters ? [lead + question] : [lead, question]
    }
  }

  /// A well-known fact of the person's youth, to help memory along.
  private static func eraRemark(_ plan: TurnPlan) -> String? {
    let hints = EraHints.hints(
      birthYear: plan.profile.birthYear, place: plan.profile.eraPlace, stage: .adolescence, max: 2)
    guard let hint = hints.first else { return nil }
    return "\(hint.text)，那会儿您大概\(hint.age)岁。"
  }
}
