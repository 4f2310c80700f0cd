import Testing

@testable import Interview

@Suite struct InterviewStateTests {
  private let house = SlotID(.childhood, "hometown_house")
  private let hardship = SlotID(.childhood, "hardship")

  @Test func jsonHoldsEverything() throws {
    var state = InterviewState(stage: .work)
    state.userTurnCount = 7
    state.noteTold(house, fills: true, messageID: "m1")
    state.noteAsked(SlotID(.work, "craft"), isFollowUp: false)
    state.decline(hardship)
    state.markNotApplicable(SlotID(.parenthood, "raising"))
    state.griefInSession = true
    state.pendingProfileField = .occupation
    state.profileRefusals = [.birthYear: 1]
    state.birthYearCandidate = 1952
    state.zodiac = 4
    state.laterStage = .midlife
    state.restedLastTurn = true
    #expect(try InterviewState(jsonText: state.jsonText) == state)
    #expect(state.jsonText == (try InterviewState(jsonText: state.jsonText)).jsonText)
  }

  @Test(arguments: ["", "  ", "{}", #"{"version":99,"future":{"a":[1]},"coverage":{"moon.base":{"level":"filled"}}}"#])
  func unknownAndAbsentMembersAreTolerated(text: String) throws {
    #expect(try InterviewState(jsonText: text) == InterviewState())
  }

  @Test(arguments: ["[]", "{", "7", #"{"userTurnCount":"x"}"#])
  func otherTextsAreRefused(text: String) {
    #expect(throws: InterviewState.FormatError.self) { try InterviewState(jsonText: text) }
  }

  @Test func legacyStageNamesAreRead() throws {
    #expect(try InterviewState(jsonText: #"{"stage":"career"}"#).stage == .work)
    #expect(try InterviewState(jsonText: #"{"stage":"nonsense"}"#).stage == .childhood)
  }

  @Test func promptableSlotsFollowTheRule() {
    var state = InterviewState()
    let keys = { (state: InterviewState) in state.promptableSlots(of: .childhood).map(\.key) }
    #expect(keys(state) == ["hometown_house", "parents", "siblings_kin", "food_and_play", "earliest_memory"])
    state.userTurnCount = Limits.sensitiveAfterTurns - 1
    #expect(!keys(state).contains("hardship"))
    state.userTurnCount = Limits.sensitiveAfterTurns
    #expect(keys(state).last == "hardship")
    state.griefInSession = true
    #expect(!keys(state).contains("hardship"))

    state.noteAsked(house, isFollowUp: false)
    #expect(!keys(state).contains("hometown_house"))
    state.userTurnCount += Limits.askAgainAfterTurns - 1
    #expect(!keys(state).contains("hometown_house"))
    state.userTurnCount += 1
    #expect(keys(state).contains("hometown_house"))
    for _ in 1..<Limits.askedCount { state.noteAsked(house, isFollowUp: false) }
    state.userTurnCount += 100
    #expect(!keys(state).contains("hometown_house"), "three times is enough")

    state.noteTold(SlotID(.childhood, "parents"), fills: false, messageID: "m")
    #expect(keys(state).contains("parents"), "touched is not filled")
    state.noteTold(SlotID(.childhood, "parents"), fills: true, messageID: "m")
    state.decline(SlotID(.childhood, "siblings_kin"))
    state.markNotApplicable(SlotID(.childhood, "food_and_play"))
    #expect(keys(state) == ["earliest_memory"])
  }

  @Test func evidenceIsKeptOnceAndBounded() {
    var state = InterviewState()
    for turn in 0..<40 {
      state.noteTold(house, fills: turn == 3, messageID: "m\(turn)")
      state.noteTold(house, fills: false, messageID: "m\(turn)")
    }
    #expect(state.coverage(of: house).level == .filled)
    #expect(state.coverage(of: house).evidence.count == Limits.evidencePerSlot)
    #expect(state.coverage(of: house).evidence.last == "m39")
    #expect(state.control.isEmpty, "what is told leaves what was asked alone")
  }

  @Test func stageAdvancesWhenMostIsTold() {
    var state = InterviewState()
    for slot in Catalogue.slots(of: .childhood).prefix(3) { state.noteTold(slot.id, fills: true, messageID: "m") }
    state.advanceWhenTold()
    #expect(state.stage == .childhood, "3 of 6 is 50 %")
    state.decline(Catalogue.slots(of: .childhood)[3].id)
    state.advanceWhenTold()
    #expect(state.stage == .adolescence)
    for slot in Catalogue.slots { state.decline(slot.id) }
    state.advanceWhenTold()
    #expect(state.stage == .reflection)
  }

  @Test func twoMessagesAboutLaterStagesMoveOn() {
    var state = InterviewState(stage: .adolescence)
    state.noteStage(.work)
    #expect(state.stage == .adolescence)
    state.noteStage(nil)
    state.noteStage(.loveMarriage)
    #expect(state.stage == .loveMarriage, "the nearer of the two")
    state.noteStage(.childhood)
    #expect(state.stage == .loveMarriage, "never back")
    state.noteStage(.midlife)
    state.noteStage(.loveMarriage)
    state.noteStage(.midlife)
    #expect(state.stage == .loveMarriage, "not in a row")
  }

  @Test func chipsFollowTheRule() {
    var state = InterviewState()
    #expect(
      state.chips(max: 4).map(\.id) == [
        "childhood.hometown_house.v1", "childhood.parents.v1", "childhood.siblings_kin.v1",
        "childhood.food_and_play.v1",
      ])
    #expect(state.chips(max: 0).isEmpty && state.chips(max: -1).isEmpty)
    #expect(state.chips(max: 2).count == 2)

    for slot in Catalogue.slots(of: .childhood).dropFirst() where !slot.isSensitive { state.decline(slot.id) }
    #expect(
      state.chips(max: 4).map(\.id) == [
        "childhood.hometown_house.v1", "adolescence.school.v1", "adolescence.teacher.v1",
      ], "filled up to three from the next stage")

    state.userTurnCount = 100
    state.decline(house)
    #expect(
      state.chips(max: 4).map(\.slot.key) == ["school", "teacher", "hardship"], "a sensitive one is never the first")
    for slot in Catalogue.slots { state.decline(slot.id) }
    #expect(state.chips(max: 4).isEmpty)

    var last = InterviewState(stage: .reflection)
    last.userTurnCount = 100
    for slot in Catalogue.slots(of: .reflection) where !slot.isSensitive { last.decline(slot.id) }
    #expect(last.chips(max: 4).isEmpty, "a sensitive one is never alone")
  }
}
