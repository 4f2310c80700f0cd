/// Tells the time of day; injected, so that a test decides it.
package protocol WallClock: Sendable {
  func now() -> Timestamp
  /// The machine's own, by which tokens end.
  func machineTime() -> Timestamp
}

extension WallClock {
  package func machineTime() -> Timestamp { now() }
}

/// Makes ids that were never used before; injected, so that a test repeats them.
package protocol IdentifierSource: Sendable {
  func next() -> String
}
