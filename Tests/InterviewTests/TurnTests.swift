import Testing

@testable import Interview

@Suite struct TurnTests {
  private static let profile = Profile(
    birthYear: 1950, birthPlace: "山东", grewUpPlace: "山东", occupation: "工人")

  private func person(_ texts: String...) -> ScriptedPerson {
    var person = ScriptedPerson(profile: Self.profile)
    person.connect()
    for text in texts { person.say(text) }
    return person
  }

  @Test(arguments: ["不想说", "这个我不想说了", "不提了", "别问了", "不愿意提这些", "跳过", "跳过吧", "唉，不想讲", "不说了不说了"])
  func refusalsAreHonoured(text: String) {
    let turn = person(text).turns[0]
    let house = SlotID(.childhood, "hometown_house")
    #expect(turn.plan.acknowledgement == .decline)
    #expect(turn.plan.state.control(of: house).declined)
    #expect(turn.plan.target != nil && turn.plan.target != house)
  }

  @Test(arguments: [
    "我父亲那个人不想说话", "他不想说自己的事，一辈子都是这样", "我最会跳过绳子了，一跳几百下", "那时候谁都不愿意提吃的，一提就饿",
    "别提了，那年冬天可把我们冻坏了，手都裂了口子",
  ])
  func storiesAreNoRefusals(text: String) {
    #expect(person(text).turns[0].plan.acknowledgement != .decline)
  }

  @Test(arguments: ["换个话题", "换个话题吧。", "聊点别的吧", "咱们说点别的", "换一个吧"])
  func changesOfTopicAreHonoured(text: String) {
    let turn = person(text).turns[0]
    #expect(turn.plan.acknowledgement == .topicChange)
    #expect(turn.plan.target?.key != "hometown_house" && turn.plan.target != nil)
    #expect(turn.plan.state.control(of: SlotID(.childhood, "hometown_house")).declined)
  }

  @Test(arguments: [
    ("换个话题，说说我孙子吧", "later_life.grandchildren"), ("聊聊我老伴", "love_marriage.spouse"),
    ("不想说这个，讲讲我上学吧", "adolescence.school"), ("我想聊聊师傅", "young_adult.mentor"),
  ])
  func namedTopicsAreTaken(text: String, slot: String) {
    #expect(person(text).turns[0].plan.target?.description == slot)
  }

  @Test func declinedSlotsAreNeverAskedAgain() {
    var person = person("不想说")
    for turn in 0..<60 {
      let plan = person.say(turn % 3 == 0 ? "嗯" : "换个话题").plan
      if let target = plan.target { #expect(!plan.state.control(of: target).declined) }
    }
  }

  @Test(arguments: ["老伴前年走了", "我妈去世得早", "说到这儿我就想哭", "我心里难过", "他没了，没救过来", "爷爷走了以后，家就散了"])
  func griefSlowsDown(text: String) {
    var person = person(text)
    let turn = person.turns[0]
    #expect(turn.plan.acknowledgement == .grief)
    #expect(turn.plan.move == .listen && !turn.pieces.joined().contains("？"))
    #expect(turn.plan.state.griefInSession)
    for _ in 0..<40 {
      let plan = person.say("那时候在村里种地，天不亮就起来，大家都一样。").plan
      if let target = plan.target { #expect(Catalogue.slot(target)?.isSensitive == false) }
    }
  }

  @Test(arguments: ["我们走了三里路才到", "孩子夜里哭，我抱着他走来走去", "毕业以后送走了一批又一批学生"])
  func otherPartingsAreNoGrief(text: String) {
    #expect(person(text).turns[0].plan.acknowledgement != .grief)
  }

  @Test(arguments: ["活着没意思，不想活了", "我现在胸口疼，喘不上气"])
  func dangerComesFirst(text: String) {
    let turn = person(text).turns[0]
    #expect(turn.plan.acknowledgement == .danger && turn.plan.move == .listen)
    #expect(turn.pieces.joined().contains("120") && !turn.pieces.joined().contains("？"))
  }

  @Test(
    arguments: [
      ("你是谁", .whoAreYou), ("你叫什么名字？", .whoAreYou), ("你是机器人吧", .areYouHuman), ("问这个干什么", .whyAsk),
      ("这些话谁会看啊", .whoReads), ("听得见吗", .canYouHear), ("你说什么？没听清", .sayAgain), ("聊什么好呢", .whatToTalkAbout),
      ("你吃了吗", .howAreYou), ("你觉得呢", .yourOpinion), ("你会下棋吗？", .other),
    ] as [(String, InterviewerQuestion)])
  func questionsAreAnswered(text: String, question: InterviewerQuestion) {
    let turn = person(text).turns[0]
    #expect(turn.plan.question == question)
    #expect(Phrases.answers(question).contains(turn.pieces[0]))
    #expect(turn.pieces.last?.hasSuffix("？") == true, "and back to the story")
  }

  @Test(arguments: ["我有点累了", "困了，明天再聊", "今天就到这儿吧", "再见", "要去做饭了"])
  func tiredPeopleAreLetGo(text: String) {
    let turn = person("三间瓦房，门口有棵枣树", text).turns[1]
    #expect(turn.plan.move == .close)
    #expect(!turn.pieces.joined().contains("？"))
  }

  @Test(arguments: ["那时候干一天活真是累了，回家倒头就睡", "小时候困了就趴在奶奶腿上"])
  func tiredStoriesGoOn(text: String) {
    #expect(person(text).turns[0].plan.move != .close)
  }

  @Test func littleIsHelpedAndThenLeftAlone() {
    let person = person("嗯", "还行", "不知道", "嗯")
    #expect(person.turns[0].plan.move == .cue(SlotID(.childhood, "hometown_house")))
    #expect(person.turns[1].plan.target?.key != "hometown_house")
    #expect(person.turns[3].plan.move == .listen)
  }

  @Test func forgettingIsComforted() {
    let turn = person("记不清了").turns[0]
    #expect(turn.plan.acknowledgement == .forgotten)
    #expect(turn.plan.state.coverage.isEmpty)
  }

  @Test func whatNeverWasIsNotAsked() {
    let state = person("我没上过学", "我一辈子没成家").state
    #expect(state.control(of: SlotID(.adolescence, "school")).notApplicable)
    #expect(state.control(of: SlotID(.loveMarriage, "wedding")).notApplicable)
    #expect(!state.control(of: SlotID(.loveMarriage, "loss")).notApplicable)
  }

  @Test func chipsAreTakenAndNotEvidence() {
    var person = person()
    let turn = person.say("我想说说我的手艺", chipID: "work.craft.v1")
    #expect(turn.plan.move == .ask(SlotID(.work, "craft")))
    #expect(!turn.plan.isMemoirMaterial)
    #expect(person.state.coverage.isEmpty && person.state.stage == .childhood)
    #expect(person.state.control(of: SlotID(.work, "craft")).askedCount == 1)
    #expect(person.say("我想说说我的手艺", chipID: "moon.base.v1").plan.isMemoirMaterial == false)
  }

  @Test(arguments: [
    ("三间瓦房", Coverage.touched, false),
    ("那时候我家住在河边，三间瓦房，门口有一棵大枣树，夏天全家都在树下乘凉，奶奶给我们讲故事。", .filled, true),
  ])
  func evidenceFillsASlot(text: String, level: Coverage, fills: Bool) {
    let person = person(text)
    #expect(person.turns[0].plan.analysis.isEvidence == fills)
    #expect(
      person.state.coverage(of: SlotID(.childhood, "hometown_house")) == SlotCoverage(level: level, evidence: ["m1"]))
  }

  @Test func aReplyWithoutAQuestionAskedNothing() {
    let plan = person("三间瓦房").turns[0].plan
    #expect(Interviewer.commit(plan, reply: ["嗯，我在听。"]) == plan.state)
    #expect(Interviewer.commit(plan, reply: ["后来呢？"]).lastAskedSlot == plan.target)
  }

  @Test func silenceOfHoursBeginsANewSession() {
    var state = InterviewState()
    state.griefInSession = true
    for (idle_s, grieves) in [(0, true), (6 * 3600, false)] {
      let plan = Interviewer.plan(
        TurnInput(
          profile: Self.profile, state: state, history: [], text: "今天吃了饺子", messageID: "m", idle_s: idle_s,
          local: LocalMoment(year: 2026, hour: 9), seed: 0))
      #expect(plan.state.griefInSession == grieves)
    }
  }

  /// Whatever is said, in whatever order: the form of a reply holds, and the same input gives the same reply.
  @Test(arguments: 1...8)
  func formHoldsForAnyConversation(seed: Int) {
    let pool =
      Scripts.worker + Scripts.farmer + Scripts.teacher + [
        "", " ", "，，，", "？", "👴🏻👵🏻", "hello how are you?", "1952", String(repeating: "苦啊", count: 2000),
        String(repeating: "我奶奶说，", count: 800), "不想活了", "我没孩子", "换个话题，说说别的", "[SPLIT]", "{d}{p}{s}",
      ]
    var random = UInt64(seed)
    var person = ScriptedPerson(profile: seed % 2 == 0 ? Self.profile : Profile(), seed: seed)
    person.connect()
    for _ in 0..<40 {
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let text = pool[Int((random >> 33) % UInt64(pool.count))]
      let before = person
      let turn = person.say(text)
      var twin = before
      #expect(twin.say(text).pieces == turn.pieces && twin.state == person.state)
      #expect((1...Limits.pieces).contains(turn.pieces.count))
      for piece in turn.pieces {
        #expect(!piece.isEmpty && piece.count <= Limits.pieceCharacters, "seed \(seed): \(piece)")
      }
      let all = turn.pieces.joined()
      #expect(all.count { $0 == "？" || $0 == "?" } <= 1, "seed \(seed): \(all)")
      if all.contains("？") { #expect(all.hasSuffix("？"), "seed \(seed): \(all)") }
    }
    #expect((try? InterviewState(jsonText: person.state.jsonText)) == person.state)
  }
}
