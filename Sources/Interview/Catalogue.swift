/// All slots of the interview, in order (voice systems survey §3.3). One file per stage holds the texts.
package enum Catalogue {
  package static let slots: [Slot] =
    childhood + adolescence + youngAdult + loveMarriage + work + parenthood + midlife + laterLife + reflection

  package static func slots(of stage: Stage) -> [Slot] { slotsByStage[stage.order] }

  package static func slot(_ id: SlotID) -> Slot? { positions[id].map { slots[$0] } }

  /// - Parameter chipID: `childhood.parents.v1`; other versions of a chip name the same slot.
  package static func slot(chipID: String) -> Slot? {
    guard let dot = chipID.lastIndex(of: "."), chipID[dot...].hasPrefix(".v") else { return nil }
    let version = chipID[dot...].dropFirst(2)
    guard !version.isEmpty, version.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
    return slotsByName[String(chipID[..<dot])]
  }

  /// The position in `slots`; after all others when unknown.
  static func position(_ id: SlotID) -> Int { positions[id] ?? slots.count }

  /// Every slot with its name, in order.
  static let names = slots.map { ($0.id, $0.id.description) }
  static let slotsByName = Dictionary(uniqueKeysWithValues: slots.map { ($0.id.description, $0) })
  private static let positions = Dictionary(uniqueKeysWithValues: slots.enumerated().map { ($1.id, $0) })
  private static let slotsByStage = Stage.allCases.map { stage in slots.filter { $0.id.stage == stage } }
}

extension Slot {
  /// The form in which the stages write their slots; `keywords` are separated by spaces.
  /// - Parameter presuming: follow-ups that fit only when one of the words (second member) was said.
  init(
    _ stage: Stage, _ key: String, _ title: String, sensitive: Bool = false, chip: String, openers: [String],
    cues: [String], followUps: [(Dimension, String)], presuming: [(Dimension, String, String)] = [], keywords: String
  ) {
    self.init(
      id: SlotID(stage, key), title: title, isSensitive: sensitive, chipText: chip, openers: openers, cues: cues,
      followUps: presuming.map {
        FollowUp(dimension: $0.0, text: $0.2, needs: $0.1.split(separator: " ").map(String.init))
      } + followUps.map { FollowUp(dimension: $0.0, text: $0.1) },
      keywords: keywords.split(separator: " ").map(String.init))
  }
}
