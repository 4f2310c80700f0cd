@testable import Interview

/// Plays a conversation with the built-in interviewer: what the service does, without the service.
struct ScriptedPerson {
  struct Turn {
    let text: String
    let plan: TurnPlan
    let pieces: [String]
  }

  var profile: Profile
  var state = InterviewState()
  var history: [DialogueMessage] = []
  var turns: [Turn] = []
  var greeting: [String] = []
  let local = LocalMoment(year: 2026, hour: 15)
  private let seed: Int

  init(profile: Profile = Profile(), seed: Int = 0) {
    self.profile = profile
    self.seed = seed
  }

  mutating func connect(idle_s: Int = 0) {
    let kind = Greeting.due(historyIsEmpty: history.isEmpty, profile: profile, idle_s: idle_s)
    guard kind != .none else { return }
    let plan = Interviewer.plan(
      GreetingInput(
        kind: kind, profile: profile, state: state, history: history, idle_s: idle_s, local: local,
        seed: seed + turns.count))
    greeting = Interviewer.greeting(plan)
    state = Interviewer.commit(plan, greeting: greeting)
    history += greeting.map { DialogueMessage(.agent, $0) }
  }

  @discardableResult
  mutating func say(_ text: String, chipID: String? = nil) -> Turn {
    let plan = Interviewer.plan(
      TurnInput(
        profile: profile, state: state, history: history, text: text, messageID: "m\(turns.count + 1)",
        chipID: chipID, local: local, seed: seed + turns.count))
    let pieces = Interviewer.reply(plan)
    state = Interviewer.commit(plan, reply: pieces)
    profile = plan.profile
    history.append(DialogueMessage(.user, text))
    history += pieces.map { DialogueMessage(.agent, $0) }
    let turn = Turn(text: text, plan: plan, pieces: pieces)
    turns.append(turn)
    return turn
  }

  var transcript: String {
    var lines = greeting.map { "访：\($0)" }
    for turn in turns {
      lines.append("老：\(turn.text)")
      lines += turn.pieces.map { "访：\($0)" }
    }
    return lines.joined(separator: "\n")
  }
}
