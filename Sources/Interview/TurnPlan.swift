/// A message of the history, oldest first in lists.
package struct DialogueMessage: Sendable, Equatable {
  package enum Role: String, Sendable { case user, agent }
  package let role: Role
  /// Of an interrupted reply what was heard of it.
  package let text: String
  /// The person did not hear the rest.
  package let isInterrupted: Bool

  package init(_ role: Role, _ text: String, isInterrupted: Bool = false) {
    self.role = role
    self.text = text
    self.isInterrupted = isInterrupted
  }
}

/// The date and hour where the person lives; the domain has no clock.
package struct LocalMoment: Sendable, Equatable {
  package let year: Int
  /// 0…23
  package let hour: Int

  package init(year: Int, hour: Int) {
    self.year = year
    self.hour = hour
  }
}

/// Everything a reply depends on.
package struct TurnInput: Sendable {
  package var profile: Profile
  package var state: InterviewState
  /// The history before this message, oldest first; more than a prompt takes is cut.
  package var history: [DialogueMessage]
  /// The user's message as it was sent.
  package var text: String
  /// Its id: evidence for what it tells.
  package var messageID: String
  /// The chip that was tapped, if any.
  package var chipID: String?
  /// Seconds since the message before it.
  package var idle_s: Int
  package var local: LocalMoment
  /// Chooses among equal phrasings: the number of the turn in the conversation.
  package var seed: Int

  package init(
    profile: Profile, state: InterviewState, history: [DialogueMessage], text: String, messageID: String,
    chipID: String? = nil, idle_s: Int = 0, local: LocalMoment, seed: Int
  ) {
    self.profile = profile
    self.state = state
    self.history = history
    self.text = text
    self.messageID = messageID
    self.chipID = chipID
    self.idle_s = idle_s
    self.local = local
    self.seed = seed
  }
}

/// What came of an answer to a profile question.
package enum ProfileOutcome: Sendable, Equatable {
  case accepted(ProfileField)
  case samePlace
  case confirmedYear
  case wrongYear
  case zodiac(Int)
  case refused
  case unclear
}

/// What the interviewer is going to do with one message of the person.
package struct TurnPlan: Sendable {
  /// How the reply answers what was just said.
  package enum Acknowledgement: String, Sendable {
    case story, brief, saying, tender, joy, hardship, pride, person, short, forgotten, grief, decline, topicChange,
      chip, profile,
      profileRefused, profileUnclear, answer, repeatRequest, farewell, greeting, thanks, notApplicable, danger, comeback
  }

  /// How the reply ends.
  package enum Move: Sendable, Equatable {
    case askProfile(ProfileField)
    case confirmBirthYear(Int)
    /// The opening question of a slot.
    case ask(SlotID)
    /// One more question about the same slot.
    case followUp(SlotID, Dimension)
    /// A small concrete question about the same slot.
    case cue(SlotID)
    /// An open question about nothing in particular: everything was asked.
    case invite
    /// No question: the person is heard.
    case listen
    /// A soft end.
    case close
  }

  package enum Transition: Sendable, Equatable {
    case none
    case slot(SlotID)
    case stage(Stage)
  }

  package var input: TurnInput
  let phrasing: Phrasing
  package var analysis: TextAnalysis
  /// The state and profile after the message; the reply's own marks come with `Interviewer.commit`.
  package var state: InterviewState
  package var profile: Profile
  /// Fields of the profile that changed (value or declined).
  package var profileChanges: Set<ProfileField> = []
  package var acknowledgement: Acknowledgement
  package var move: Move
  /// The words of the question, where the move asks one about a slot.
  package var suggestion: String?
  /// What came of an answer to a profile question.
  package var profileOutcome: ProfileOutcome?
  /// Words of the person to reflect back, `nil` when none is fit.
  package var detail: String?
  /// The person named the topic to go on with.
  package var requestedSlot: SlotID?
  /// The slot that the message is about.
  package var toldSlot: SlotID?
  /// A change of subject that the reply makes, as a stage or a slot to lead over to.
  package var transition: Transition = .none
  /// A question of the person to the interviewer.
  package var question: InterviewerQuestion?
  /// The message may be used for the memoir: no chip, no profile answer (design §8).
  package var isMemoirMaterial: Bool
  /// Sentences for a chat model about this turn alone.
  package var directives: [String] = []

  package var target: SlotID? { move.slot }
}

extension TurnPlan.Move {
  /// The slot that is asked about.
  package var slot: SlotID? {
    switch self {
    case .ask(let slot), .followUp(let slot, _), .cue(let slot): slot
    case .askProfile, .confirmBirthYear, .invite, .listen, .close: nil
    }
  }
}
