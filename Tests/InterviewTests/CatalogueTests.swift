import Testing

@testable import Interview

@Suite struct CatalogueTests {
  @Test func everyStageHasItsSlots() {
    #expect(Stage.allCases.map { Catalogue.slots(of: $0).count } == [6, 6, 6, 6, 5, 5, 5, 5, 7])
    #expect(Set(Catalogue.slots.map(\.id)).count == Catalogue.slots.count)
    #expect(
      Catalogue.slots.filter(\.isSensitive).map(\.id.description) == [
        "childhood.hardship", "young_adult.hardship", "love_marriage.loss", "midlife.low_point",
        "midlife.ageing_parents", "later_life.health", "reflection.regret",
      ])
    for stage in Stage.allCases { #expect(Catalogue.slots(of: stage).first?.isSensitive == false) }
  }

  @Test(arguments: Catalogue.slots.map(\.id))
  func textsKeepTheirForm(id: SlotID) throws {
    let slot = try #require(Catalogue.slot(id))
    #expect(slot.chipText.count <= Limits.chipCharacters)
    #expect(slot.chipText.hasPrefix("我想"))
    #expect(slot.openers.count >= 2)
    #expect(slot.cues.count >= 2)
    #expect(slot.keywords.count >= 5)
    #expect(slot.openers.contains { $0.count <= Limits.regreetingCharacters })
    #expect(Set(slot.followUps.filter(\.needs.isEmpty).map(\.dimension)).count >= 4)
    for text in slot.openers + slot.cues + slot.followUps.map(\.text) {
      #expect(text.count { $0 == "？" } == 1 && text.hasSuffix("？"), "\(text)")
      #expect(text.count <= Limits.pieceCharacters, "\(text)")
      #expect(!text.contains("你") || text.contains("你们"), "an elder is called 您: \(text)")
    }
    #expect(SlotID(name: id.description) == id)
    #expect(Catalogue.slot(chipID: slot.chipID)?.id == id)
  }

  @Test func chipsAndQuestionsAreDistinct() {
    #expect(Set(Catalogue.slots.map(\.chipText)).count == Catalogue.slots.count)
    let questions = Catalogue.slots.flatMap { $0.openers }
    #expect(Set(questions).count == questions.count)
  }

  @Test(
    arguments: [
      ("childhood.hometown_house.v1", "childhood.hometown_house"),
      ("childhood.hometown_house.v12", "childhood.hometown_house"),
      ("childhood.hometown_house", nil), ("childhood.hometown_house.v", nil), ("childhood.unknown.v1", nil), ("", nil),
      (".v1", nil),
    ] as [(String, String?)])
  func chipIDsAreRead(chipID: String, slot: String?) {
    #expect(Catalogue.slot(chipID: chipID)?.id.description == slot)
  }

  /// Counts that keep a conversation from repeating itself.
  @Test func thereAreEnoughWaysToSayThings() {
    let categories = [
      Phrases.storyWithDetail, Phrases.storyWithThing, Phrases.story, Phrases.brief, Phrases.saying, Phrases.tender,
      Phrases.joyWithDetail, Phrases.joy, Phrases.hardshipWithDetail, Phrases.hardship, Phrases.prideWithDetail,
      Phrases.pride, Phrases.personKin, Phrases.personOther, Phrases.short, Phrases.forgotten, Phrases.griefFirst,
      Phrases.griefWithPerson, Phrases.griefListen, Phrases.comeback, Phrases.decline, Phrases.topicChange,
      Phrases.topicTaken, Phrases.chip, Phrases.notApplicable, Phrases.greeting, Phrases.thanks,
      Phrases.profileRefused, Phrases.profileUnclear, Phrases.close, Phrases.closeThanks, Phrases.tiredOffer,
    ]
    for phrases in categories {
      #expect(phrases.count >= 6, "\(phrases)")
      #expect(Set(phrases.map(Phrasing.key)).count == phrases.count, "\(phrases)")
      #expect(phrases.allSatisfy { !$0.contains("？") }, "no acknowledgement asks: \(phrases)")
    }
    for dimension in Dimension.allCases { #expect(Phrases.followUps[dimension]?.count ?? 0 >= 3) }
  }
}
