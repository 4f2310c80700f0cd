import Testing

@testable import Interview

@Suite struct GreetingTests {
  private static let complete = Profile(
    nickname: "王老师", birthYear: 1949, birthPlace: "北京", grewUpPlace: "北京", occupation: "教师")
  private static let sixHours = 6 * 3600

  @Test(
    arguments: [
      (true, Profile(), nil, .profileGreeting), (true, complete, nil, .opening), (true, complete, 99_999, .opening),
      (false, complete, nil, .none), (false, complete, sixHours - 1, .none), (false, complete, sixHours, .reGreeting),
      (false, complete, -5, .none), (false, Profile(), 999_999, .none),
    ] as [(Bool, Profile, Int?, GreetingKind)])
  func due(historyIsEmpty: Bool, profile: Profile, idle_s: Int?, kind: GreetingKind) {
    #expect(Greeting.due(historyIsEmpty: historyIsEmpty, profile: profile, idle_s: idle_s) == kind)
  }

  @Test func reGreetingCanBeSwitchedOff() {
    let settings = GreetingSettings(reGreetingEnabled: false, reGreetingIdle_s: 0)
    #expect(Greeting.due(historyIsEmpty: false, profile: Self.complete, idle_s: 9, settings: settings) == .none)
    let eager = GreetingSettings(reGreetingIdle_s: 0)
    #expect(Greeting.due(historyIsEmpty: false, profile: Self.complete, idle_s: 0, settings: eager) == .reGreeting)
  }

  @Test(arguments: [
    (0, IdleBucket.hours), (86_399, .hours), (86_400, .days), (259_200, .week), (1_209_600, .long), (-1, .hours),
  ])
  func buckets(idle_s: Int, bucket: IdleBucket) {
    #expect(IdleBucket(idle_s: idle_s) == bucket)
  }

  @Test(arguments: [
    (4, PartOfDay.night), (5, .morning), (11, .noon), (13, .afternoon), (18, .evening), (23, .night), (0, .night),
  ])
  func partsOfDay(hour: Int, part: PartOfDay) {
    #expect(PartOfDay(hour: hour) == part)
  }

  @Test(arguments: GreetingKind.allCases, 0..<24)
  func greetingsKeepTheirForm(kind: GreetingKind, seed: Int) {
    var state = InterviewState()
    state.noteAsked(Catalogue.slots[seed * 2].id, isFollowUp: false)
    let history = [DialogueMessage(.agent, "您小时候住的房子，是什么样子的？"), DialogueMessage(.user, "三间瓦房，门口有棵枣树")]
    let input = GreetingInput(
      kind: kind, profile: kind == .profileGreeting ? Profile() : Self.complete, state: state, history: history,
      idle_s: seed * 30_000, local: LocalMoment(year: 2026, hour: seed), seed: seed)
    let plan = Interviewer.plan(input)
    let pieces = Interviewer.greeting(plan)
    #expect(pieces == Interviewer.greeting(Interviewer.plan(input)), "deterministic")
    if kind == .none { return #expect(pieces.isEmpty) }
    #expect((1...(kind == .reGreeting ? 2 : Limits.pieces)).contains(pieces.count))
    let limit = kind == .reGreeting ? Limits.regreetingCharacters : Limits.pieceCharacters
    for piece in pieces { #expect(piece.count <= limit && !piece.isEmpty, "\(piece)") }
    #expect(pieces.joined().count { $0 == "？" } == 1 && pieces[pieces.count - 1].hasSuffix("？"), "\(pieces)")
    for blame in ["好久没", "怎么才", "这么久", "终于", "等了"] { #expect(!pieces.joined().contains(blame)) }
    if kind == .reGreeting {
      #expect(plan.lastTopic == "三间瓦房，门口有棵枣树")
      #expect(plan.lastQuestion == "您小时候住的房子，是什么样子的？")
    }
    if let target = plan.move.slot { #expect(Catalogue.slot(target)?.isSensitive == false) }
    let after = Interviewer.commit(plan, greeting: pieces)
    if kind == .profileGreeting { #expect(after.pendingProfileField == .birthYear) }
    if kind == .opening { #expect(after.control(of: after.lastAskedSlot ?? SlotID(.work, "")).askedCount >= 1) }
  }

  @Test func aNewSessionForgetsTheGriefOfTheLast() {
    var state = InterviewState()
    state.griefInSession = true
    let plan = Interviewer.plan(
      GreetingInput(
        kind: .reGreeting, profile: Self.complete, state: state, idle_s: 90_000,
        local: LocalMoment(year: 2026, hour: 9),
        seed: 1))
    #expect(!plan.state.griefInSession)
  }
}
