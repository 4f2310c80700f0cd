import Metrics

/// Metrics of what is done by the clock; their labels are listed in README.md.
struct MaintenanceMetrics: Sendable {
  /// What could not be done and is tried again at the next round.
  enum Task: String { case requests, audio, erasures }

  func failed(_ task: Task) {
    Counter(label: "lifeecho.maintenance.failures", dimensions: [("task", task.rawValue)]).increment()
  }
}
