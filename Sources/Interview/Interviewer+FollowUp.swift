extension TurnPlan {
  /// The next question about a slot, with what it asks for: about a person who was just named, else one of the slot's
  /// own, else one that fits any story; never one that was asked lately or that the message has answered.
  func followUp(on id: SlotID) -> (Dimension, String)? {
    guard let slot = Catalogue.slot(id) else { return nil }
    let said = phrasing
    let missing = wantedDimensions.filter { !analysis.dimensions.contains($0) }
    let order = missing + wantedDimensions.filter { !missing.contains($0) }
    if let person = analysis.person, !state.griefInSession {
      let isAcquaintance = Lexicon.acquaintances.contains(person)
      let name = (isAcquaintance ? "这位" : "您") + person
      let variants =
        if isAcquaintance {
          Phrases.acquaintanceFollowUps
        } else if Lexicon.spouses.contains(person) {
          Phrases.spouseFollowUps
        } else if Lexicon.descendants.contains(person) {
          Phrases.descendantFollowUps
        } else {
          Phrases.kinFollowUps
        }
      if !said.mentioned(name) {
        let unsaid = variants.filter { !said.wasSaid($0.1) && !asksWhatWasTold($0.1) }
        let fitting = unsaid.filter { $0.0 == .who || !analysis.dimensions.contains($0.0) }
        let fresh = fitting.isEmpty ? unsaid : fitting
        if !fresh.isEmpty {
          let next = fresh[Phrasing.index(input.seed, of: fresh.count)]
          return (next.0, Phrasing.filled(next.1, ["p": person]))
        }
      }
    }
    let specific = order.lazy.compactMap { dimension -> (Dimension, String)? in
      slot.followUps.first { followUp in
        followUp.dimension == dimension && !said.wasSaid(followUp.text) && !asksWhatWasTold(followUp.text)
          && (followUp.needs.isEmpty || followUp.needs.contains { input.text.contains($0) })
      }.map { (dimension, $0.text) }
    }.first
    let general = missing.lazy.compactMap { dimension -> (Dimension, String)? in
      Phrases.followUps[dimension]?.first { !said.wasSaid($0) && !asksWhatWasTold($0) }.map { (dimension, $0) }
    }.first
    return tellsOfSomethingElse(than: id) ? general ?? specific : specific ?? general
  }

  private func asksWhatWasTold(_ question: String) -> Bool {
    Lexicon.told.matches(in: Array(question.unicodeScalars)).contains { input.text.contains($0.value) }
  }

  /// A sentence without a word of the topic: only a general question surely fits it.
  private func tellsOfSomethingElse(than slot: SlotID) -> Bool {
    guard !analysis.slots.contains(slot), analysis.characters >= 8 else { return false }
    return analysis.characters >= 12 || Lexicon.ownStory.contains(Array(input.text.unicodeScalars.prefix(4)))
  }

  private var wantedDimensions: [Dimension] {
    switch analysis.mood {
    case .hardship: [.who, .what, .feeling, .when, .where]
    case .joy, .pride: [.what, .who, .feeling, .where, .when]
    case .plain: [.what, .feeling, .who, .when, .where]
    }
  }
}
