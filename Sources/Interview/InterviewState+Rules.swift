/// The rules of the interview over its state (voice systems survey §3.3). Pure; each in its own function.
extension InterviewState {
  /// Nothing was told that fills it, and it may still be spoken of.
  package func isOpen(_ slot: SlotID) -> Bool {
    let control = control(of: slot)
    return coverage(of: slot).level != .filled && !control.declined && !control.notApplicable
  }

  /// Filled, declined or not applicable.
  package func isSettled(_ slot: SlotID) -> Bool { !isOpen(slot) }

  /// The slots of a stage worth a question now, in the order of the catalogue: open, not asked in the last
  /// `Limits.askAgainAfterTurns` turns, asked fewer than `Limits.askedCount` times, and sensitive ones only after
  /// `Limits.sensitiveAfterTurns` user turns and never in a session with grief.
  package func promptableSlots(of stage: Stage) -> [SlotID] {
    Catalogue.slots(of: stage).filter { slot in
      guard isOpen(slot.id) else { return false }
      if slot.isSensitive, userTurnCount < Limits.sensitiveAfterTurns || griefInSession { return false }
      let control = control(of: slot.id)
      if control.askedCount >= Limits.askedCount { return false }
      if let turn = control.lastAskedTurn, userTurnCount - turn < Limits.askAgainAfterTurns { return false }
      return true
    }.map(\.id)
  }

  /// Suggestions: promptable slots of the stage, non-sensitive ones first; when fewer than `Limits.chipsMin`, filled up
  /// from the next stages with non-sensitive ones. May be empty.
  package func chips(max: Int) -> [Chip] {
    guard max > 0 else { return [] }
    let own = promptableSlots(of: stage).compactMap { Catalogue.slot($0) }
    let sensitive = own.filter(\.isSensitive)
    var plain = own.filter { !$0.isSensitive }
    let wanted = Swift.min(Limits.chipsMin, max)
    var later = stage.next
    while plain.count + sensitive.count < wanted, let stage = later {
      let more = promptableSlots(of: stage).compactMap { Catalogue.slot($0) }.filter { !$0.isSensitive }
      plain += more.prefix(wanted - plain.count - sensitive.count)
      later = stage.next
    }
    return plain.isEmpty ? [] : (plain + sensitive).prefix(max).map(\.chip)
  }

  /// The next slot worth a question: of the given stage, else of the later ones, else of the earlier ones. What was
  /// never spoken of comes before what was touched, that before what was asked already, and sensitive ones last.
  package func nextSlot(from start: Stage? = nil, excluding excluded: Set<SlotID> = []) -> SlotID? {
    let stages = Stage.allCases
    let first = (start ?? stage).order
    let candidates = (stages[first...] + stages[..<first].reversed())
      .flatMap { promptableSlots(of: $0) }.filter { !excluded.contains($0) }
    let unasked = candidates.filter { control(of: $0).askedCount == 0 }
    let plain = unasked.filter { Catalogue.slot($0)?.isSensitive == false }
    let own = plain.filter { $0.stage.order == first }
    return own.first { coverage(of: $0).level == .empty } ?? own.first
      ?? unasked.first { $0.stage.order == first && stages.last == $0.stage }
      ?? plain.first ?? unasked.first ?? candidates.first
  }

  /// Moves to the next stage while at least 60 % of the slots of this one are settled. Forward only.
  package mutating func advanceWhenTold() {
    while let next = stage.next {
      let slots = Catalogue.slots(of: stage)
      let settled = slots.count { isSettled($0.id) }
      guard settled * 10 >= slots.count * 6 else { return }
      stage = next
    }
  }

  /// Notes the stage that a message is about; two messages in a row about later stages move to the nearer of the two.
  /// - Parameter told: `nil` when the message says nothing about a stage, which breaks the row only when it was a
  ///   story.
  package mutating func noteStage(_ told: Stage?) {
    guard let told, told > stage else {
      if told != nil { laterStage = nil }
      return
    }
    if let before = laterStage, before > stage {
      stage = min(before, told)
      laterStage = told > stage ? told : nil
    } else {
      laterStage = told
    }
  }

  /// Marks a slot that was asked after the current user turn.
  package mutating func noteAsked(_ slot: SlotID, isFollowUp: Bool) {
    var control = control(of: slot)
    control.lastAskedTurn = userTurnCount
    if !isFollowUp { control.askedCount += 1 }
    self.control[slot] = control
    followUpCount = isFollowUp ? (lastAskedSlot == slot ? followUpCount + 1 : 1) : 0
    lastAskedSlot = slot
  }

  /// Adds what a message told about a slot. Never takes anything back.
  package mutating func noteTold(_ slot: SlotID, fills: Bool, messageID: String) {
    var coverage = coverage(of: slot)
    if fills {
      coverage.level = .filled
    } else if coverage.level == .empty {
      coverage.level = .touched
    }
    if !messageID.isEmpty, !coverage.evidence.contains(messageID) {
      coverage.evidence.append(messageID)
      if coverage.evidence.count > Limits.evidencePerSlot { coverage.evidence.removeFirst() }
    }
    self.coverage[slot] = coverage
  }

  package mutating func decline(_ slot: SlotID) {
    var control = control(of: slot)
    control.declined = true
    self.control[slot] = control
  }

  package mutating func markNotApplicable(_ slot: SlotID) {
    guard coverage(of: slot).level != .filled else { return }
    var control = control(of: slot)
    control.notApplicable = true
    self.control[slot] = control
  }

  /// A new sitting: what holds for one session only is forgotten.
  package mutating func beginSession() {
    griefInSession = false
    shortAnswerCount = 0
    followUpCount = 0
  }
}
