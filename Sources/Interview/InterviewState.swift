/// How much of a slot was told.
package enum Coverage: String, Sendable, Codable { case empty, touched, filled }

/// What was told about a slot, with the messages that show it. Written from what the person says.
package struct SlotCoverage: Sendable, Equatable {
  package var level: Coverage = .empty
  /// Ids of user messages, oldest first, at most `Limits.evidencePerSlot`.
  package var evidence: [String] = []
}

/// What was asked about a slot. Written from what the interviewer does; never by what was told.
package struct SlotControl: Sendable, Equatable {
  package var askedCount = 0
  /// The user turn (`InterviewState.userTurnCount`) after which it was asked last.
  package var lastAskedTurn: Int?
  package var declined = false
  package var notApplicable = false
}

/// The memoir state of one user: where the interview stands. A value; stored as JSON (`jsonText`).
package struct InterviewState: Sendable, Equatable {
  package static let version = 1

  package var stage: Stage = .childhood
  package var coverage: [SlotID: SlotCoverage] = [:]
  package var control: [SlotID: SlotControl] = [:]
  /// Messages of the person that were answered, chips and profile answers included.
  package var userTurnCount = 0
  package var lastAskedSlot: SlotID?
  /// Questions about `lastAskedSlot` since its opening one.
  package var followUpCount = 0
  /// Answers in a row that were very short or without memory.
  package var shortAnswerCount = 0
  /// Grief was heard in this session: no sensitive slot until the next one.
  package var griefInSession = false
  /// The last reply only listened: the next one comes back gently.
  package var restedLastTurn = false
  package var pendingProfileField: ProfileField?
  /// A birth year that was worked out from age or zodiac and waits for a yes.
  package var birthYearCandidate: Int?
  /// A zodiac sign (0 = 鼠 … 11 = 猪) that was told without an age.
  package var zodiac: Int?
  package var profileRefusals: [ProfileField: Int] = [:]
  package var profileAskings: [ProfileField: Int] = [:]
  /// The later stage that the last message was about: a second one in a row moves the interview on.
  package var laterStage: Stage?

  package init(stage: Stage = .childhood) { self.stage = stage }

  package func coverage(of slot: SlotID) -> SlotCoverage { coverage[slot] ?? SlotCoverage() }
  package func control(of slot: SlotID) -> SlotControl { control[slot] ?? SlotControl() }
}
