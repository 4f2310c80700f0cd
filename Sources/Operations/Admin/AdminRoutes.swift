/// What the admin listener asks the service. The closures must not block.
package struct AdminRoutes: Sendable {
  /// Prometheus text. Called on the listener's event loop.
  package var metrics: @Sendable () -> String
  /// Why the process should be restarted; empty: it is alive.
  package var livenessProblems: @Sendable () async -> [String]
  /// Why no traffic should come (starting, draining, no database); empty: it is ready.
  package var readinessProblems: @Sendable () async -> [String]

  package init(
    metrics: @escaping @Sendable () -> String,
    livenessProblems: @escaping @Sendable () async -> [String] = { [] },
    readinessProblems: @escaping @Sendable () async -> [String]
  ) {
    self.metrics = metrics
    self.livenessProblems = livenessProblems
    self.readinessProblems = readinessProblems
  }

  struct Response: Sendable, Equatable {
    var status: Int
    var contentType = "text/plain; charset=utf-8"
    var allow: String?
    var body: String
  }

  static let prometheusContentType = "text/plain; version=0.0.4; charset=utf-8"

  /// What a request gets: an answer, or a check to wait for.
  enum Answer: Sendable {
    case now(Response)
    case check(@Sendable () async -> Response)
  }

  /// `target` is the request target; its query is ignored.
  func answer(method: String, target: String) -> Answer {
    let path = target.prefix { $0 != "?" }
    guard ["/metrics", "/healthz", "/readyz"].contains(String(path)) else {
      return .now(Response(status: 404, body: "not found: this listener has /metrics, /healthz and /readyz\n"))
    }
    guard method == "GET" || method == "HEAD" else {
      return .now(Response(status: 405, allow: "GET, HEAD", body: "only GET and HEAD\n"))
    }
    switch path {
    case "/metrics": return .now(Response(status: 200, contentType: Self.prometheusContentType, body: metrics()))
    case "/healthz": return .check { Self.check(await livenessProblems()) }
    default: return .check { Self.check(await readinessProblems()) }
    }
  }

  private static func check(_ problems: [String]) -> Response {
    problems.isEmpty
      ? Response(status: 200, body: "ok\n")
      : Response(status: 503, body: problems.map { $0 + "\n" }.joined())
  }
}
