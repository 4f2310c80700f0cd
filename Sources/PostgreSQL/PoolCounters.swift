import Synchronization

/// Written by the pool's thread, read by any.
final class PoolCounters: Sendable {
  let commands = Atomic<UInt64>(0)
  let errors = Atomic<UInt64>(0)
  let roundTrips = Atomic<UInt64>(0)
  let connectionsOpened = Atomic<UInt64>(0)
  let connectionsLost = Atomic<UInt64>(0)
  let openConnections = Atomic<Int>(0)
  let queued = Atomic<Int>(0)

  var snapshot: PoolStatistics {
    PoolStatistics(
      commands: commands.load(ordering: .relaxed), errors: errors.load(ordering: .relaxed),
      roundTrips: roundTrips.load(ordering: .relaxed), connectionsOpened: connectionsOpened.load(ordering: .relaxed),
      connectionsLost: connectionsLost.load(ordering: .relaxed),
      openConnections: openConnections.load(ordering: .relaxed), queued: queued.load(ordering: .relaxed))
  }
}
