import Synchronization

/// Refuses calls above a number of running ones with UNAVAILABLE, and tells clients when to come back
/// (`grpc-retry-pushback-ms`, gRFC A6): a loaded server answers few calls well instead of all badly.
package final class ConcurrencyLimitInterceptor: ServerInterceptor {
  private let limit: Int
  private let pushback_ms: Int
  private let counts: @Sendable (MethodDescriptor) -> Bool
  private let running = Atomic<Int>(0)

  /// - Parameters:
  ///   - limit: calls running at one time.
  ///   - pushback_ms: what refused clients are told to wait.
  ///   - counts: which methods are counted and refused; by default those with one response, since a stream may be
  ///     open for hours without causing work.
  package init(
    limit: Int = Limits.concurrentCalls, pushback_ms: Int = 1000,
    counts: @escaping @Sendable (MethodDescriptor) -> Bool = { !$0.type.streamsResponses }
  ) {
    self.limit = limit
    self.pushback_ms = pushback_ms
    self.counts = counts
  }

  /// Calls running now.
  package var current: Int { running.load(ordering: .relaxed) }

  package func applies(to method: MethodDescriptor) -> Bool { counts(method) }

  package func intercept(_ context: ServerContext, next: (ServerContext) async throws -> Void) async throws {
    let (_, now) = running.add(1, ordering: .relaxed)
    defer { running.subtract(1, ordering: .relaxed) }
    guard now <= limit else {
      context.trailingMetadata.append("grpc-retry-pushback-ms", String(pushback_ms))
      throw Status(.unavailable, "the server is overloaded")
    }
    try await next(context)
  }
}
