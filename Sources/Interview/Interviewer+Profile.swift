extension TurnPlan {
  /// An answer to a profile question: read, confirmed, refused, or not understood; then the next question.
  mutating func decideProfile(_ field: ProfileField) {
    let askings = state.profileAskings[field] ?? 0
    if let asked = analysis.question, profileValue(field) == nil {
      question = asked
      acknowledgement = asked == .sayAgain ? .repeatRequest : .answer
    } else if analysis.refuses || analysis.changesTopic || isPlainNo(field) {
      refuse(field)
    } else if let candidate = state.birthYearCandidate, field == .birthYear {
      confirm(candidate)
    } else {
      read(field)
    }
    if case .confirmBirthYear = move { return }
    if profileOutcome == .unclear || question != nil, askings >= Limits.profileAskings { decline(field) }
    askNextField()
  }

  /// “不知道” and the like: no answer to this question, and none to be expected.
  private func isPlainNo(_ field: ProfileField) -> Bool {
    state.birthYearCandidate == nil && (analysis.forgot || (analysis.isNo && analysis.isShort))
      && profileValue(field) == nil
  }

  private func profileValue(_ field: ProfileField) -> String? {
    switch field {
    case .nickname: nil
    case .birthYear:
      BirthYear.read(input.text, localYear: input.local.year) == .none ? nil : input.text
    case .birthPlace: ProfileAnswer.place(input.text)
    case .grewUpPlace: ProfileAnswer.isSamePlace(input.text) ? profile.birthPlace : ProfileAnswer.place(input.text)
    case .occupation: ProfileAnswer.occupation(input.text)
    }
  }

  private mutating func refuse(_ field: ProfileField) {
    profileOutcome = .refused
    acknowledgement = .profileRefused
    state.birthYearCandidate = nil
    let count = (state.profileRefusals[field] ?? 0) + 1
    state.profileRefusals[field] = count
    if count >= Limits.profileRefusals { decline(field) }
  }

  private mutating func decline(_ field: ProfileField) {
    profile.declined.insert(field)
    profileChanges.insert(field)
  }

  private mutating func confirm(_ candidate: Int) {
    let scalars = Array(input.text.unicodeScalars)
    acknowledgement = .profile
    if case .year(let year) = BirthYear.read(input.text, localYear: input.local.year) {
      accept(year: year)
      profileOutcome = year == candidate ? .confirmedYear : .accepted(.birthYear)
    } else if Lexicon.wrongs.contains(scalars) {
      state.birthYearCandidate = nil
      state.zodiac = nil
      profileOutcome = .wrongYear
    } else if Lexicon.yeses.contains(scalars), analysis.characters <= 12 {
      accept(year: candidate)
      profileOutcome = .confirmedYear
    } else {
      state.birthYearCandidate = nil
      read(.birthYear)
    }
  }

  private mutating func accept(year: Int) {
    profile.birthYear = year
    profileChanges.insert(.birthYear)
    state.birthYearCandidate = nil
    state.zodiac = nil
  }

  private mutating func read(_ field: ProfileField) {
    acknowledgement = .profile
    profileOutcome = .accepted(field)
    switch field {
    case .birthYear:
      switch BirthYear.read(input.text, localYear: input.local.year, knownZodiac: state.zodiac) {
      case .year(let year): accept(year: year)
      case .candidate(let year):
        state.zodiac = nil
        profileOutcome = nil
        move = .confirmBirthYear(year)
      case .zodiac(let sign):
        if state.zodiac == nil { profileOutcome = .zodiac(sign) } else { unclear() }
        state.zodiac = sign
      case .none: unclear()
      }
      // “五二年生在山东” answers two questions at once.
      if profile.birthYear != nil, !profile.has(.birthPlace), let place = ProfileAnswer.statedPlace(input.text) {
        set(.birthPlace, place)
      }
    case .grewUpPlace where ProfileAnswer.isSamePlace(input.text) && profile.has(.birthPlace):
      set(.grewUpPlace, profile.birthPlace ?? "")
      profileOutcome = .samePlace
    case .birthPlace, .grewUpPlace, .occupation:
      // A long answer is a story: only a plain statement in it counts.
      let isStory = analysis.characters > Limits.evidenceCharacters
      let value = isStory && field != .occupation ? ProfileAnswer.statedPlace(input.text) : profileValue(field)
      if let value { set(field, value) } else { unclear() }
    case .nickname: set(.nickname, MessageText.trimmed(input.text))
    }
  }

  private mutating func unclear() {
    acknowledgement = .profileUnclear
    profileOutcome = .unclear
  }

  private mutating func set(_ field: ProfileField, _ value: String) {
    switch field {
    case .nickname: profile.nickname = value
    case .birthPlace: profile.birthPlace = value
    case .grewUpPlace: profile.grewUpPlace = value
    case .occupation: profile.occupation = value
    case .birthYear: return
    }
    profileChanges.insert(field)
  }

  /// What was refused comes again after all others.
  private mutating func askNextField() {
    let missing = profile.missing
    let refusals = missing.map { state.profileRefusals[$0] ?? 0 }
    guard let fewest = refusals.min(), let index = refusals.firstIndex(of: fewest) else {
      state.pendingProfileField = nil
      state.birthYearCandidate = nil
      askNext()
      transition = .none
      return
    }
    move = .askProfile(missing[index])
  }
}
