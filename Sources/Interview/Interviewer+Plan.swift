extension Interviewer {
  /// Decides what to do with one message of the person (voice systems survey §3.3).
  package static func plan(_ input: TurnInput) -> TurnPlan {
    var state = input.state
    if input.idle_s >= GreetingSettings().reGreetingIdle_s { state.beginSession() }
    state.userTurnCount += 1
    var plan = TurnPlan(
      input: input, phrasing: Phrasing(history: input.history, seed: input.seed),
      analysis: TextAnalysis(reading: input.text), state: state, profile: input.profile,
      acknowledgement: .story, move: .listen,
      isMemoirMaterial: isMemoirMaterial(text: input.text, chipID: input.chipID, state: input.state))
    plan.decide()
    plan.directives = plan.directivesForModel
    return plan
  }
}

extension TurnPlan {
  /// The first rule that fits decides; safety stands first.
  mutating func decide() {
    let rested = state.restedLastTurn
    state.restedLastTurn = false
    if analysis.inDanger { return rest(.danger) }
    if let slot = input.chipID.flatMap({ Catalogue.slot(chipID: $0) }) { return take(slot.id, .chip) }
    if analysis.wantsToEnd, !analysis.grieves {
      acknowledgement = .farewell
      move = .close
      return
    }
    if analysis.grieves || (rested && analysis.sighs) {
      noteStory()
      return rest(.grief)
    }
    if let field = state.pendingProfileField { return decideProfile(field) }
    if analysis.changesTopic || analysis.refuses { return turnAway() }
    if let asked = analysis.question { return answer(asked) }
    if let field = profile.missing.first {
      chooseAcknowledgement()
      move = .askProfile(field)
      return
    }
    if analysis.isGreeting || analysis.thanks {
      acknowledgement = analysis.isGreeting ? .greeting : .thanks
      return askAgain()
    }
    if let slot = analysis.requestedSlots.first, analysis.characters <= 20, state.isOpen(slot) {
      requestedSlot = slot
      return take(slot, .topicChange)
    }
    if !analysis.notApplicable.isEmpty { return ruleOut() }
    if analysis.forgot { return help(.forgotten) }
    if analysis.isShort { return help(.short) }
    continueStory(rested: rested)
  }

  private mutating func rest(_ kind: Acknowledgement) {
    acknowledgement = kind
    state.griefInSession = true
    state.restedLastTurn = true
    state.shortAnswerCount = 0
    move = .listen
  }

  /// The person chose a topic.
  private mutating func take(_ slot: SlotID, _ kind: Acknowledgement) {
    acknowledgement = kind
    state.shortAnswerCount = 0
    if kind != .chip { state.noteStage(slot.stage) }
    ask(slot)
    transition = .none
  }

  /// “不想说”, “换个话题”: always obeyed at once; what was asked is not asked again.
  private mutating func turnAway() {
    state.shortAnswerCount = 0
    let left = state.lastAskedSlot
    let wanted = analysis.requestedSlots.first { state.isOpen($0) }
    if let left, left != wanted { state.decline(left) }
    if let slot = wanted {
      requestedSlot = slot
      return take(slot, .topicChange)
    }
    if analysis.refuses, !analysis.changesTopic {
      for slot in analysis.strongSlots where slot != left { state.decline(slot) }
    }
    acknowledgement = analysis.changesTopic ? .topicChange : .decline
    state.advanceWhenTold()
    if let field = profile.missing.first { return move = .askProfile(field) }
    // Something really different: not the neighbour of what was just left.
    askNext(excluding: left.map { [$0] } ?? [])
    transition = .none
  }

  private mutating func answer(_ asked: InterviewerQuestion) {
    question = asked
    acknowledgement = asked == .sayAgain ? .repeatRequest : .answer
    if let field = profile.missing.first { return move = .askProfile(field) }
    if asked == .whatToTalkAbout { return askNext() }
    askAgain()
  }

  private mutating func ruleOut() {
    for slot in analysis.notApplicable { state.markNotApplicable(slot) }
    state.advanceWhenTold()
    state.shortAnswerCount = 0
    // A story that merely mentions it goes on as a story.
    if analysis.characters > Limits.evidenceCharacters { return continueStory(rested: false) }
    acknowledgement = .notApplicable
    askNext()
  }

  /// Little or nothing was said: an easier question, then another topic, then no question at all.
  private mutating func help(_ kind: Acknowledgement) {
    acknowledgement = kind
    state.shortAnswerCount += 1
    if state.shortAnswerCount >= 4 {
      state.shortAnswerCount = 0
      move = .listen
      return
    }
    guard state.shortAnswerCount < 2, !(analysis.isNo && state.followUpCount > 0), let slot = state.lastAskedSlot,
      state.isOpen(slot), let cues = Catalogue.slot(slot)?.cues, let cue = cues.first(where: { !phrasing.wasSaid($0) })
    else { return askNext() }
    move = .cue(slot)
    suggestion = cue
  }

  private mutating func continueStory(rested: Bool) {
    state.shortAnswerCount = 0
    chooseAcknowledgement()
    let before = state.lastAskedSlot
    let slot = noteStory()
    if rested, analysis.person != nil || analysis.speaksOfSomebody {
      acknowledgement = .tender
      move = .invite
      suggestion = phrasing.pick(Phrases.tenderQuestions)
      return
    }
    if rested {
      acknowledgement = .comeback
      return askNext(excluding: slot.map { [$0] } ?? [])
    }
    guard let slot, staysOn(slot, before: before), let next = followUp(on: slot) else { return askNext() }
    move = .followUp(slot, next.0)
    suggestion = next.1
  }

  /// Notes what the message tells, and about which slot it is: the one that was asked, unless the words clearly speak
  /// of another open one.
  @discardableResult
  private mutating func noteStory() -> SlotID? {
    let asked = state.lastAskedSlot
    var slot = asked
    if let asked, !analysis.slots.contains(asked) || state.isSettled(asked) {
      slot = wandersTo(from: asked) ?? asked
    } else if asked == nil {
      slot = analysis.slots.first { state.isOpen($0) } ?? analysis.slots.first
    }
    toldSlot = slot
    guard let slot else { return nil }
    state.noteTold(slot, fills: analysis.isEvidence, messageID: input.messageID)
    for other in analysis.strongSlots.prefix(3) where other != slot {
      state.noteTold(other, fills: false, messageID: input.messageID)
    }
    state.noteStage(slot.stage)
    state.advanceWhenTold()
    return slot
  }

  /// Where a message has left the topic for. One short word is enough in a whole sentence, unless the sentence goes on
  /// about “他” or “她”, which is the topic still.
  private func wandersTo(from asked: SlotID) -> SlotID? {
    let here = max(asked.stage, state.stage).order
    let open = analysis.mentions.filter { state.isOpen($0.slot) }
    guard let best = open.first else { return nil }
    // Of equally strong ones the nearest in life.
    let slot = open.prefix { $0.score == best.score }.map(\.slot)
      .min { abs($0.stage.order - here) < abs($1.stage.order - here) }
    if best.score >= 4 { return slot }
    let first = input.text.unicodeScalars.first
    guard analysis.characters >= 10, first != "他", first != "她", let slot else { return nil }
    return abs(slot.stage.order - here) <= 2 ? slot : nil
  }

  /// A short or lively answer deserves another question about the same thing; a long one was told to its end.
  private func staysOn(_ slot: SlotID, before: SlotID?) -> Bool {
    if state.control(of: slot).declined || state.control(of: slot).notApplicable { return false }
    if state.griefInSession, Catalogue.slot(slot)?.isSensitive == true { return false }
    if slot != before { return true }
    switch state.followUpCount {
    case 0: return true
    case 1: return analysis.characters < 45 || (analysis.mood != .plain && analysis.characters < 90)
    default: return false
    }
  }

  mutating func askNext(excluding: Set<SlotID> = []) {
    let current = state.lastAskedSlot
    var excluded = excluding
    if let current { excluded.insert(current) }
    var start = state.stage
    if let told = toldSlot?.stage, abs(told.order - start.order) <= 2 { start = max(start, told) }
    guard let slot = state.nextSlot(from: start, excluding: excluded) ?? state.nextSlot() else {
      move = .invite
      return
    }
    ask(slot)
    if let before = toldSlot ?? current, slot.stage != before.stage {
      transition = .stage(slot.stage)
    } else {
      transition = .slot(slot)
    }
  }

  private mutating func ask(_ id: SlotID) {
    move = .ask(id)
    suggestion = Catalogue.slot(id).map { phrasing.pick($0.openers) }
  }

  /// Back to what was asked, in other words; to the next topic when it was asked in all ways.
  private mutating func askAgain() {
    guard let id = state.lastAskedSlot, state.isOpen(id), let slot = Catalogue.slot(id) else { return askNext() }
    let told = state.coverage(of: id).level != .empty
    let further = slot.followUps.filter { $0.needs.isEmpty && ($0.dimension == .what || $0.dimension == .feeling) }
    let ways = told ? further.map(\.text) : slot.cues + slot.openers
    guard let words = ways.first(where: { !phrasing.wasSaid($0) }) else { return askNext() }
    move = .cue(id)
    suggestion = words
  }

  private mutating func chooseAcknowledgement() {
    let phrasing = phrasing
    detail = analysis.details.first { !phrasing.mentioned($0) }
    switch analysis.mood {
    case .joy: acknowledgement = .joy
    case .hardship: acknowledgement = .hardship
    case .pride: acknowledgement = .pride
    case .plain: acknowledgement = detail == nil && analysis.thing == nil && analysis.person != nil ? .person : .story
    }
    if analysis.saying != nil { acknowledgement = .saying }
    if analysis.isBrief {
      acknowledgement = .brief
      detail = Details.turned(input.text)
    }
    if analysis.isShort { acknowledgement = .short }
    if analysis.forgot { acknowledgement = .forgotten }
    if analysis.isGreeting { acknowledgement = .greeting }
    if analysis.thanks { acknowledgement = .thanks }
  }

  fileprivate var directivesForModel: [String] {
    switch acknowledgement {
    case .danger: ["对方的话里有危险：先关心人，请他马上告诉身边的人或拨打120，不继续访谈。"]
    case .grief: ["对方在难过：轻轻接住，说一两句就好，不问问题，不劝“想开点”。"]
    case .decline: ["对方不想说这个：一句话答应，不追问，换一个轻松的话题。"]
    case .topicChange: ["对方想换话题：爽快地换。"]
    case .chip: ["对方点了一个话题，这不是他的故事；高兴地接过来，请他讲。"]
    case .farewell: ["对方累了或要走：感谢，温和地收尾。"]
    case .short: ["对方说得少：不催，给一个容易回答的小问题。"]
    case .forgotten: ["对方想不起来：让他放心，换个容易的角度。"]
    case .answer, .repeatRequest: ["对方在问你：先如实、简短地回答，再轻轻回到话题。"]
    case .notApplicable: ["对方没有这段经历：不再问它。"]
    case .comeback: ["对方刚才难过过：慢一点，从暖和的小事说起。"]
    case .hardship: ["对方说的是难处：体谅，不夸张。"]
    case .profileRefused: ["对方不想答这一项：说没关系。"]
    case .tender: ["对方还在念着走了的亲人：暖暖地接住，可以请他说说那个人的好，不勉强。"]
    case .saying: ["对方说了一句老话：原样提到它。"]
    case .story, .brief, .joy, .pride, .person, .profile, .profileUnclear, .greeting, .thanks: []
    }
  }
}
