/// What the admin listener asks the service. The closures run outside the event loop's own work and must not block.
package struct AdminRoutes: Sendable {
  /// Prometheus text.
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

  /// `target` is the request target; its query is ignored.
  func response(method: String, target: String) async -> Response {
    let path = target.prefix { $0 != "?" }
    guard ["/metrics", "/healthz", "/readyz"].contains(String(path)) else {
      return Response(status: 404, body: "not found: this listener has /metrics, /healthz and /readyz\n")
    }
    guard method == "GET" || method == "HEAD" else {
      return Response(status: 405, allow: "GET, HEAD", body: "only GET and HEAD\n")
    }
    switch path {
    case "/metrics": return Response(status: 200, contentType: Self.prometheusContentType, body: metrics())
    case "/healthz": return Self.check(await livenessProblems())
    default: return Self.check(await readinessProblems())
    }
  }

  private static func check(_ problems: [String]) -> Response {
    problems.isEmpty
      ? Response(status: 200, body: "ok\n")
      : Response(status: 503, body: problems.map { $0 + "\n" }.joined())
  }
}
