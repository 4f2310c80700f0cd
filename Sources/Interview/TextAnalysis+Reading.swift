extension TextAnalysis {
  /// Reads one message of the person.
  package init(reading text: String) {
    let scalars = Array(text.unicodeScalars)
    let clauses = Clauses.split(text)
    characters = Clauses.wordCount(text)

    refuses = clauses.contains(where: Self.isRefusal)
    changesTopic = characters <= 40 && Lexicon.topicChanges.contains(scalars)
    let toldOfThePast = Lexicon.past.contains(scalars)
    wantsToEnd = characters <= 20 && !toldOfThePast && Lexicon.farewells.contains(scalars)
    grieves =
      Lexicon.deaths.contains(scalars) || Lexicon.tears.contains(scalars)
      || clauses.contains(where: Self.isDeparture)
    sighs = Lexicon.sighs.contains(scalars)
    speaksOfSomebody = scalars.contains("他") || scalars.contains("她")
    forgot = characters <= 16 && Lexicon.forgetting.contains(scalars)
    isShort = Self.isFiller(clauses)
    isGreeting = characters <= 6 && Lexicon.helloes.contains(scalars)
    thanks = characters <= 12 && Lexicon.thanks.contains(scalars)
    question = characters <= 30 ? Self.question(scalars, characters) : nil
    inDanger =
      Lexicon.danger.contains(scalars)
      || (!toldOfThePast && Lexicon.now.contains(scalars) && Lexicon.emergencies.contains(scalars))

    mentions = Self.mentions(scalars)
    if characters <= 30, let marker = Lexicon.requests.matches(in: scalars).last {
      requestedSlots = Self.mentions(Array(scalars[marker.range.lowerBound...])).map(\.slot)
    }
    isBrief = !isShort && characters <= 6
    isNo = isShort && Lexicon.noes.contains(scalars)
    notApplicable = Lexicon.notApplicable.allMatches(in: scalars).flatMap(\.value)
    dimensions = Self.dimensions(scalars, characters)
    mood = Self.mood(scalars)
    person =
      Lexicon.kin.matches(in: scalars).first { match in
        // “俩儿子” and “师傅们” are more than one person, “奶奶家” is a place.
        let after = match.range.upperBound < scalars.count ? scalars[match.range.upperBound] : " "
        if after == "们" || after == "家" || Lexicon.manyPeople.contains(match.value) { return false }
        guard match.range.lowerBound > 0 else { return true }
        let before = scalars[match.range.lowerBound - 1]
        return !(ChineseNumber.isNumeral(before) || before == "个" || before == "俩" || before == "些")
      }?.value
    details = Details.phrases(clauses)
    saying = Details.saying(clauses)
    thing = Lexicon.things.matches(in: scalars).first { $0.range.count >= 2 }
      .map { String(String.UnicodeScalarView(scalars[$0.range])) }
  }

  /// A clause in which the person refuses; not what somebody else did not want to say.
  private static func isRefusal(_ clause: [Unicode.Scalar]) -> Bool {
    if clause.count <= 6, let skip = Lexicon.skips.matches(in: clause).first {
      let after = clause[skip.range.upperBound...].first
      return !(after.map { "绳级墙河沟舞".unicodeScalars.contains($0) } ?? false)
    }
    guard clause.count <= 16, let match = Lexicon.refusals.matches(in: clause).first else { return false }
    let before = Array(clause[..<match.range.lowerBound])
    let after = clause[match.range.upperBound...].first
    return after != "话" && !(Lexicon.otherPersons.contains(before) && !before.contains("我"))
  }

  /// “老伴走了”, “我妈没了”: somebody close, and that they are gone; not “走了三里路”.
  private static func isDeparture(_ clause: [Unicode.Scalar]) -> Bool {
    guard clause.count <= 14, let match = Lexicon.departures.matches(in: clause).last else { return false }
    let after = clause[match.range.upperBound...]
    let goesOn = after.first.map { !"，的以后快就都有好几多十一二三四五六七八九之后".unicodeScalars.contains($0) } ?? false
    let distance = after.contains { "里路步天".unicodeScalars.contains($0) }
    return !goesOn && !distance && Lexicon.closest.contains(Array(clause[..<match.range.lowerBound]))
  }

  private static func isFiller(_ clauses: [[Unicode.Scalar]]) -> Bool {
    let total = clauses.reduce(0) { $0 + $1.count }
    guard total <= 8 else { return false }
    let covered = clauses.reduce(0) { sum, clause in
      sum + Lexicon.fillers.matches(in: clause).reduce(0) { $0 + $1.range.count }
    }
    return covered == total
  }

  private static func question(_ text: [Unicode.Scalar], _ characters: Int) -> InterviewerQuestion? {
    if let known = Lexicon.questions.first(where: { $0.1.contains(text) }) { return known.0 }
    let trimmed = text.filter { !$0.properties.isWhitespace }
    guard let last = trimmed.last, characters <= 20, text.contains("你") else { return nil }
    return "?？吗呢么".unicodeScalars.contains(last) ? .other : nil
  }

  /// Slots by the words found; the catalogue's order breaks ties.
  private static func mentions(_ text: [Unicode.Scalar]) -> [Mention] {
    var scores: [SlotID: Int] = [:]
    let matches = Lexicon.slots.allMatches(in: text)
    for match in matches { scores[match.value, default: 0] += match.range.count }
    if let first = matches.first { scores[first.value, default: 0] += 2 }
    return scores.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key }
      .map { Mention(slot: $0.key, score: $0.value) }
  }

  private static func dimensions(_ text: [Unicode.Scalar], _ characters: Int) -> Set<Dimension> {
    var found: Set<Dimension> = []
    if Lexicon.kin.contains(text) { found.insert(.who) }
    if Lexicon.places.contains(text) { found.insert(.where) }
    if Lexicon.times.contains(text) { found.insert(.when) }
    if Lexicon.feelings.contains(text) { found.insert(.feeling) }
    if characters >= 8, Lexicon.actions.contains(text) { found.insert(.what) }
    return found
  }

  private static func mood(_ text: [Unicode.Scalar]) -> Mood {
    if Lexicon.prides.contains(text) { return .pride }
    let hard = Lexicon.hardships.allMatches(in: text).count - Lexicon.notHardships.allMatches(in: text).count
    let glad = Lexicon.joys.allMatches(in: text).count
    if hard > glad { return .hardship }
    return glad > 0 ? .joy : .plain
  }
}
