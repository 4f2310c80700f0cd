import Testing

@testable import Interview

@Suite struct PromptTests {
  private static let profile = Profile(
    nickname: "王老师", birthYear: 1952, birthPlace: "山东", grewUpPlace: "河南林县", occupation: "小学教师")

  private func plan(_ text: String, history: [DialogueMessage] = [], state: InterviewState = InterviewState())
    -> TurnPlan
  {
    Interviewer.plan(
      TurnInput(
        profile: Self.profile, state: state, history: history, text: text, messageID: "m",
        local: LocalMoment(year: 2026, hour: 10), seed: 0))
  }

  @Test func aSystemPromptSaysWhoAndHow() throws {
    let messages = Prompt.messages(plan("我小时候住在河边"))
    let system = try #require(messages.first)
    #expect(system.role == .system)
    for part in [
      "访谈员", "最多问一个问题", "[SPLIT]", "120", "王老师", "1952年", "河南林县", "小学教师", "讲台", "童年与家", "可以参考这样的问法",
    ] {
      #expect(system.text.contains(part), "\(part)")
    }
    #expect(messages.last == PromptMessage(.user, "我小时候住在河边"))
  }

  @Test(arguments: [
    ("不想说", "不追问"), ("换个话题", "爽快地换"), ("老伴去世了", "不要提问"), ("我累了", "收尾"), ("你是谁", "先如实"), ("不想活了", "120"),
  ])
  func directivesFollowThePlan(text: String, words: String) {
    var state = InterviewState()
    state.noteAsked(SlotID(.childhood, "parents"), isFollowUp: false)
    let task = Prompt.messages(plan(text, state: state))[0].text.split(separator: "这一次回复：").last ?? ""
    #expect(task.contains(words))
  }

  @Test func emptyFieldsAreLeftOut() {
    let input = GreetingInput(
      kind: .profileGreeting, profile: Profile(), state: InterviewState(), local: LocalMoment(year: 2026, hour: 10),
      seed: 0)
    let messages = Prompt.messages(Interviewer.plan(input))
    #expect(!messages[0].text.contains("对方的资料："))
    #expect(messages[0].text.contains("出生年份"))
    #expect(messages.count == 2 && messages[1].role == .user)
  }

  @Test func greetingPromptsCarryTheirInputs() {
    let history = [DialogueMessage(.agent, "后来呢？"), DialogueMessage(.user, "后来我就去了北京读书")]
    let input = GreetingInput(
      kind: .reGreeting, profile: Self.profile, state: InterviewState(), history: history, idle_s: 100_000,
      local: LocalMoment(year: 2026, hour: 8), seed: 0)
    let text = Prompt.messages(Interviewer.plan(input))[0].text
    for part in ["一两天", "早上", "后来我就去了北京读书", "后来呢？", "不要责怪", "40个字"] { #expect(text.contains(part), "\(part)") }
  }

  @Test func historyIsBounded() {
    let many = (0..<100).map { DialogueMessage($0 % 2 == 0 ? .user : .agent, "第\($0)句") }
    let short = Prompt.history(many)
    #expect(short.count == Limits.promptMessages && short.last?.text == "第99句" && short.last?.role == .assistant)
    let long = (0..<40).map { DialogueMessage(.user, "\($0)" + String(repeating: "长", count: 998)) }
    let kept = Prompt.history(long)
    #expect(kept.reduce(0) { $0 + $1.text.unicodeScalars.count } <= Limits.promptCharacters)
    #expect(kept.count == 8 && kept.last?.text == long.last?.text)
    #expect(Prompt.history([DialogueMessage(.user, String(repeating: "长", count: 9000))]).isEmpty)
  }
}
