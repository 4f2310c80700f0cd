import Metrics

/// The turn engine's metrics; their labels are listed in README.md.
struct TurnMetrics: Sendable {
  let completed = Counter(label: "lifeecho.turns.completed")
  let failed = Counter(label: "lifeecho.turns.failed")
  let fenced = Counter(label: "lifeecho.turns.fenced")
  let takenOver = Counter(label: "lifeecho.turns.taken_over")
  let modelFailures = Counter(label: "lifeecho.chat_model.failures")
  let firstPieceTime = Timer(label: "lifeecho.chat_model.first_piece.duration")
  let modelTime = Timer(label: "lifeecho.chat_model.duration")
  let turnTime = Timer(label: "lifeecho.turns.duration")
}
