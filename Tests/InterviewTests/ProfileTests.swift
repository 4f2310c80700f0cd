import Testing

@testable import Interview

@Suite struct ProfileTests {
  @Test func missingFieldsComeInOrder() {
    #expect(Profile().missing == [.birthYear, .birthPlace, .grewUpPlace, .occupation])
    #expect(Profile(birthPlace: " ", declined: [.birthYear]).missing == [.birthPlace, .grewUpPlace, .occupation])
    #expect(Profile(birthYear: 1950, birthPlace: "山东", grewUpPlace: "山东", declined: [.occupation]).isComplete)
    #expect(Profile(birthPlace: "山东").eraPlace == "山东")
    #expect(Profile(birthPlace: "山东", grewUpPlace: "上海").eraPlace == "上海")
    #expect(Profile(birthPlace: "山东", grewUpPlace: "").eraPlace == "山东")
  }

  @Test(
    arguments: [
      ("1952", .year(1952)), ("１９５２年", .year(1952)), ("一九五二年", .year(1952)), ("五二年", .year(1952)),
      ("五二年的", .year(1952)), ("52年", .year(1952)), ("52", .year(1952)), ("五二", .year(1952)),
      ("我是四九年生人", .year(1949)), ("建国那年", .year(1949)), ("民国三十八年", .year(1949)), ("零五年", .year(2005)),
      ("1952年3月8号", .year(1952)), ("阴历五二年腊月", .year(1952)), ("七十年", .none), ("我五零后", .year(1950)),
      ("属龙的,今年七十四", .candidate(1952)), ("属龙，七十五了", .candidate(1952)), ("今年七十三", .candidate(1953)),
      ("73岁", .candidate(1953)), ("七十三了", .candidate(1953)), ("八十", .candidate(1946)), ("虚岁七十五", .candidate(1951)),
      ("今年七十四，属猴", .candidate(1956)), ("属龙", .zodiac(4)), ("龙", .zodiac(4)), ("属马的", .zodiac(6)),
      ("不记得了", .none), ("", .none), ("3052", .none), ("1800", .none), ("我家有三口人", .none), ("那年下大雪", .none),
    ] as [(String, BirthYear.Reading)])
  func birthYearsAreRead(text: String, reading: BirthYear.Reading) {
    #expect(BirthYear.read(text, localYear: 2026) == reading)
  }

  @Test func zodiacAndAgeMeet() {
    #expect(BirthYear.read("属龙的,今年七十二", localYear: 2024) == .candidate(1952))
    #expect(BirthYear.read("七十四", localYear: 2026, knownZodiac: 4) == .candidate(1952))
    for year in 1930...1965 {
      let sign = BirthYear.zodiac(ofYear: year)
      for counted in [2026 - year, 2026 - year + 1] {
        #expect(BirthYear.birthYear(age: counted, zodiac: sign, localYear: 2026) == year)
      }
    }
  }

  @Test(
    arguments: [
      ("我是山东人", "山东"), ("山东", "山东"), ("老家四川绵阳的", "四川绵阳"), ("在上海", "上海"), ("就在上海长大的", "上海"),
      ("我生在河南林县", "河南林县"), ("出生于江苏省无锡市", "江苏省无锡市"), ("嗯，河北的一个小村子", "河北的一个小村子"),
      ("五岁就跟父母到了上海", "上海"), ("北京人啊", "北京"), ("后来搬到武汉了", "武汉"), ("不知道", nil), ("你猜", nil), ("嗯", nil),
      ("", nil),
    ] as [(String, String?)])
  func placesAreRead(text: String, place: String?) {
    #expect(ProfileAnswer.place(text) == place)
  }

  @Test(
    arguments: [
      ("在纺织厂上班", "纺织厂工人"), ("教书的", "教师"), ("我以前是老师", "教师"), ("种了一辈子地", "务农"), ("种地的", "务农"),
      ("当兵的", "军人"), ("开火车", "火车司机"), ("在供销社当会计", "供销社会计"), ("我在铁路局工作", "铁路局工作"), ("做豆腐的", "做豆腐"),
      ("没上过班，在家带孩子", "操持家务"), ("钳工", "钳工"), ("不想说", nil), ("什么", nil), ("", nil),
    ] as [(String, String?)])
  func occupationsAreRead(text: String, occupation: String?) {
    #expect(ProfileAnswer.occupation(text) == occupation)
  }

  @Test(
    arguments: [
      ("小学教师", .teacher), ("务农", .farmer), ("纺织厂工人", .worker), ("解放军连长", .soldier), ("赤脚医生", .medical),
      ("供销社会计", .trade), ("机关干部", .cadre), ("操持家务", .homemaker), ("宇航员", .neutral), ("", .neutral),
    ] as [(String, BackgroundVoice)])
  func voicesFollowOccupations(occupation: String, voice: BackgroundVoice) {
    #expect(BackgroundVoice(occupation: occupation) == voice)
  }

  @Test func eraHintsFollowYearAndPlace() {
    let henan = EraHints.hints(birthYear: 1952, place: "河南林县", max: 20)
    #expect(henan.contains { $0.text.contains("红旗渠") })
    #expect(henan.contains { $0.year == 1977 && $0.age == 25 })
    #expect(!EraHints.hints(birthYear: 1952, place: "上海", max: 20).contains { $0.text.contains("红旗渠") })
    #expect(EraHints.hints(birthYear: nil, place: "上海").isEmpty)
    #expect(EraHints.hints(birthYear: 1952, place: "上海", max: 3).count == 3)
    for hint in EraHints.hints(birthYear: 1950, place: "", stage: .adolescence, max: 20) {
      #expect(Stage.adolescence.ages.contains(hint.age))
    }
  }

  /// A profile conversation; the answers in turn.
  private func profile(after answers: [String], from: Profile = Profile()) -> ScriptedPerson {
    var person = ScriptedPerson(profile: from)
    person.connect()
    for answer in answers { person.say(answer) }
    return person
  }

  @Test func fourAnswersCompleteAProfile() {
    let person = profile(after: ["五二年", "我是山东人", "一样", "教书的"])
    #expect(
      person.profile == Profile(birthYear: 1952, birthPlace: "山东", grewUpPlace: "山东", occupation: "教师"))
    #expect(person.turns.allSatisfy { !$0.plan.isMemoirMaterial })
    #expect(person.state.pendingProfileField == nil)
    #expect(person.state.lastAskedSlot == SlotID(.childhood, "hometown_house"))
  }

  @Test func agesAreConfirmed() {
    var person = profile(after: ["属龙的，今年七十四"])
    #expect(person.turns[0].plan.move == .confirmBirthYear(1952))
    #expect(person.profile.birthYear == nil)
    person.say("对的")
    #expect(person.profile.birthYear == 1952)

    person = profile(after: ["今年七十四", "不对"])
    #expect(person.profile.birthYear == nil && person.turns[1].plan.move == .askProfile(.birthYear))
    person.say("五一年")
    #expect(person.profile.birthYear == 1951)

    person = profile(after: ["属龙", "七十五了", "是的"])
    #expect(person.profile.birthYear == 1952)
    person = profile(after: ["今年七十四", "不对，是五三年"])
    #expect(person.profile.birthYear == 1953)
  }

  @Test func twoRefusalsDecline() {
    let person = profile(after: ["不想说", "山东", "山东", "工人", "不想说"])
    #expect(person.profile.declined == [.birthYear])
    #expect(person.profile.isComplete)
    #expect(person.turns[0].plan.move == .askProfile(.birthPlace), "another field first")
    #expect(person.turns[3].plan.move == .askProfile(.birthYear), "then the refused one again")
  }

  @Test func noQuestionIsAskedForever() {
    var person = profile(after: [])
    for turn in 0..<20 where !person.profile.isComplete {
      person.say("这个说来话长，那年头的事情你们年轻人是想不到的，三言两语可讲不完呢第\(turn)回")
    }
    #expect(person.profile.isComplete)
  }

  @Test func oneSentenceMayAnswerTwice() {
    #expect(profile(after: ["我五二年生在山东济南"]).profile.birthPlace == "山东济南")
  }
}
