/// What a caller may say about one call.
package struct CallOptions: Sendable {
  package var metadata: Metadata
  /// How long to wait for the call to end; the earlier of this and `deadline` counts.
  package var timeout: Duration?
  package var deadline: ContinuousClock.Instant?
  /// True to wait (until the deadline) for a connection, false to fail with UNAVAILABLE when connecting fails.
  package var waitForReady: Bool
  /// Longest response taken, bytes.
  package var responseLimit_bytes: Int

  package init(
    metadata: Metadata = [:], timeout: Duration? = nil, deadline: ContinuousClock.Instant? = nil,
    waitForReady: Bool = false, responseLimit_bytes: Int = Limits.message_bytes
  ) {
    self.metadata = metadata
    self.timeout = timeout
    self.deadline = deadline
    self.waitForReady = waitForReady
    self.responseLimit_bytes = responseLimit_bytes
  }

  /// The instant a call started now must have ended.
  func effectiveDeadline() -> ContinuousClock.Instant? {
    let fromTimeout = timeout.map { ContinuousClock.now.advanced(by: $0) }
    guard let deadline else { return fromTimeout }
    return fromTimeout.map { min($0, deadline) } ?? deadline
  }
}
