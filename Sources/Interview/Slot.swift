/// Names one slot: the same key may stand in two stages (`hardship`, `turning_point`), so the stage belongs to the
/// name.
package struct SlotID: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let stage: Stage
  package let key: String

  package init(_ stage: Stage, _ key: String) {
    self.stage = stage
    self.key = key
  }

  /// Reads `childhood.parents`; `nil` when the catalogue has no such slot.
  package init?(name: String) {
    guard let slot = Catalogue.slotsByName[name] else { return nil }
    self = slot.id
  }

  /// `childhood.parents`
  package var description: String { "\(stage.rawValue).\(key)" }

  /// The order of the catalogue.
  package static func < (a: SlotID, b: SlotID) -> Bool {
    (a.stage.order, Catalogue.position(a)) < (b.stage.order, Catalogue.position(b))
  }
}

/// What a story is made of; a slot is filled when its evidence has at least two of them.
package enum Dimension: String, CaseIterable, Sendable, Hashable {
  case who, when, `where`, what, feeling
}

/// One thing worth telling about a stage of life.
package struct Slot: Sendable {
  package struct FollowUp: Sendable {
    package let dimension: Dimension
    package let text: String
    /// Words of which the message has to contain one, else the question would presume too much; empty: always fit.
    package var needs: [String] = []
  }

  package let id: SlotID
  /// The topic in a few words, as in “上回说到{title}”.
  package let title: String
  /// Never the first question of a chapter, never the first chip, not before `Limits.sensitiveAfterTurns`.
  package let isSensitive: Bool
  /// First person, sent as a message when tapped; at most `Limits.chipCharacters` characters.
  package let chipText: String
  /// Ways of asking, each one question.
  package let openers: [String]
  /// A small, concrete question for a person who says little or cannot remember.
  package let cues: [String]
  /// Questions that stay on the topic, by what they ask for.
  package let followUps: [FollowUp]
  /// Words that show that a text is about this slot.
  package let keywords: [String]

  /// `childhood.parents.v1`
  package var chipID: String { "\(id).v1" }
  package var chip: Chip { Chip(id: chipID, text: chipText, slot: id) }
}

/// A suggestion the person can tap instead of typing.
package struct Chip: Sendable, Hashable {
  package let id: String
  package let text: String
  package let slot: SlotID
  package var stage: Stage { slot.stage }
}
