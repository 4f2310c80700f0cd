import Testing

@testable import Interview

@Suite struct StageTests {
  @Test func orderIsThatOfTheInterview() {
    #expect(
      Stage.allCases.map(\.rawValue) == [
        "childhood", "adolescence", "young_adult", "love_marriage", "work", "parenthood", "midlife", "later_life",
        "reflection",
      ])
    #expect(Stage.allCases.map(\.order) == Array(0...8))
    #expect(Stage.reflection.next == nil)
  }

  @Test(arguments: [
    ("childhood", 0), (" Work ", 4), ("LATER_LIFE", 7), ("young-adult", 2), ("career", 4), ("童年", 0), ("晚年", 7),
    ("", -1), ("   ", -1), ("space_travel", -1),
  ])
  func namesAreRead(name: String, order: Int) {
    #expect(Stage.order(ofName: name) == order)
  }

  @Test(arguments: [
    // conversation, memoir, result
    ("", "", ""), ("work", "", "work"), ("work", "  ", "work"), ("", "work", "work"), ("  ", "work", "work"),
    ("childhood", "work", "work"), ("work", "work", "work"), ("work", "childhood", "work"),
    ("work", "unknown", "work"), ("unknown", "childhood", "childhood"), ("unknown", "other", "other"),
    (" work ", " midlife ", "midlife"),
  ])
  func alignmentNeverGoesBack(conversation: String, memoir: String, result: String) {
    #expect(Stage.aligned(conversation: conversation, memoir: memoir) == result)
  }
}
