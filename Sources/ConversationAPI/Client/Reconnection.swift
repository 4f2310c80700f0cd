package import NIOCore

/// When to try again while the service is away: pauses that double up to a second, for a bounded time since it went.
package struct Reconnection: Sendable {
  /// First pause before another attempt, and the longest.
  private static let firstPause = TimeAmount.milliseconds(50)
  private static let longestPause = TimeAmount.seconds(1)

  let patience: TimeAmount
  private var since: NIODeadline?
  private var pause = Self.firstPause

  /// - Parameter patience: how long the service may be away.
  package init(patience: TimeAmount) { self.patience = patience }

  package mutating func answered() { since = nil }

  /// An attempt has failed: the pause before the next one; nil when the service has been away for too long.
  package mutating func nextPause(now: NIODeadline = .now()) -> TimeAmount? {
    if since == nil { pause = Self.firstPause }
    let since = self.since ?? now
    self.since = since
    guard now - since < patience else { return nil }
    defer { pause = min(pause * 2, Self.longestPause) }
    return pause
  }
}
