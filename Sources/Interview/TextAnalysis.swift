/// What the person asked the interviewer.
package enum InterviewerQuestion: String, Sendable, CaseIterable {
  case whoAreYou, areYouHuman, whyAsk, whoReads, canYouHear, sayAgain, whatToTalkAbout, howAreYou, yourOpinion, other
}

/// What one message of the person shows; found by tables, without a model.
package struct TextAnalysis: Sendable, Equatable {
  /// Characters without punctuation and white space.
  package var characters = 0
  package var refuses = false
  package var changesTopic = false
  package var wantsToEnd = false
  package var grieves = false
  /// A sigh, or what is said in one: grief that was just heard goes on.
  package var sighs = false
  /// “他”, “她”: somebody who was named before.
  package var speaksOfSomebody = false
  /// The person speaks of not wanting to live, or needs help now.
  package var inDanger = false
  package var forgot = false
  package var isShort = false
  package var isGreeting = false
  package var thanks = false
  package var question: InterviewerQuestion?
  /// What the text is about, strongest first.
  package var mentions: [Mention] = []
  package var slots: [SlotID] { mentions.map(\.slot) }
  /// Those that more than one short word speaks for.
  package var strongSlots: [SlotID] { mentions.filter { $0.score >= 4 }.map(\.slot) }
  /// An answer of a word or two that says something.
  package var isBrief = false
  /// What the person asks to talk about: “说说我老伴吧”.
  package var requestedSlots: [SlotID] = []
  package var isNo = false
  package var dimensions: Set<Dimension> = []
  package var mood: Mood = .plain
  /// Slots that a plain statement rules out: “我没孩子”.
  package var notApplicable: [SlotID] = []
  /// Words fit to be said back.
  package var details: [String] = []
  /// Somebody who is spoken of: “奶奶”.
  package var person: String?
  /// A concrete thing that was named: “煤油灯”.
  package var thing: String?

  /// Words that somebody used to say: “人穷志不能短”.
  package var saying: String?

  package struct Mention: Sendable, Equatable {
    package let slot: SlotID
    /// Characters of the words that speak for it; the first such word of a text counts two more.
    package let score: Int
  }

  package enum Mood: String, Sendable { case plain, joy, hardship, pride }

  /// Evidence that fills a slot (voice systems survey §3.3).
  package var isEvidence: Bool { characters >= Limits.evidenceCharacters && dimensions.count >= 2 }
}
