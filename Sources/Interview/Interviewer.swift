/// The interviewer: what to do with a message, and how the built-in one says it. Pure and deterministic.
package enum Interviewer {
  /// Suggestions for a state; empty when there is nothing to suggest.
  package static func chips(state: InterviewState, max: Int) -> [Chip] { state.chips(max: max) }

  /// Whether a message may be used for the memoir (design §8): no chip, no answer to a profile question.
  package static func isMemoirMaterial(text: String, chipID: String?, state: InterviewState) -> Bool {
    chipID == nil && state.pendingProfileField == nil && !MessageText.isBlank(text)
  }

  /// The state after a reply was committed: marks the slot or profile field that was asked. A reply without a question
  /// asked nothing, whatever was planned.
  package static func commit(_ plan: TurnPlan, reply: [String]) -> InterviewState {
    committed(plan.state, move: plan.move, pieces: reply)
  }

  package static func commit(_ plan: GreetingPlan, greeting: [String]) -> InterviewState {
    committed(plan.state, move: plan.move, pieces: greeting)
  }

  private static func committed(_ before: InterviewState, move: TurnPlan.Move, pieces: [String]) -> InterviewState {
    var state = before
    let asks = pieces.contains { $0.contains("？") || $0.contains("?") }
    guard asks else { return state }
    switch move {
    case .ask(let slot): state.noteAsked(slot, isFollowUp: false)
    case .followUp(let slot, _), .cue(let slot): state.noteAsked(slot, isFollowUp: true)
    case .askProfile(let field):
      state.pendingProfileField = field
      state.profileAskings[field, default: 0] += 1
    case .confirmBirthYear(let year):
      state.pendingProfileField = .birthYear
      state.birthYearCandidate = year
      state.profileAskings[.birthYear, default: 0] += 1
    case .invite, .listen, .close: break
    }
    return state
  }
}
