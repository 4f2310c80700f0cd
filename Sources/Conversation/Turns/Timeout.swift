/// The operation took longer than it may.
struct TimedOut: Error, Equatable {}

/// Runs `operation`; after `milliseconds` it is cancelled and `TimedOut` thrown.
func withTimeout<R: Sendable>(
  milliseconds: Int64, _ operation: @escaping @Sendable () async throws -> R
) async throws -> R {
  try await withThrowingTaskGroup(of: R.self) { group in
    group.addTask { try await operation() }
    group.addTask {
      try await Task.sleep(for: .milliseconds(milliseconds))
      throw TimedOut()
    }
    defer { group.cancelAll() }
    guard let first = try await group.next() else { throw CancellationError() }
    return first
  }
}

extension ContinuousClock.Instant {
  /// Nanoseconds since this instant.
  var elapsed_ns: Int64 {
    let (seconds, attoseconds) = (ContinuousClock.now - self).components
    return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
  }
}
