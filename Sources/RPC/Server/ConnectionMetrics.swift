import HTTP2
import Metrics

/// The series of a server's connections; there from the start, so that they read 0 and not nothing.
struct ConnectionMetrics: Sendable {
  private let limits: [HTTP2Limit: Counter]

  init() {
    let counters = HTTP2Limit.allCases.map { limit in
      (limit, Counter(label: "lifeecho.http2.limits", dimensions: [("limit", limit.rawValue)]))
    }
    limits = Dictionary(uniqueKeysWithValues: counters)
  }

  func reached(_ limit: HTTP2Limit) { limits[limit]?.increment() }
}
