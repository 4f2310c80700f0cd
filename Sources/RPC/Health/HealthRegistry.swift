import Synchronization

/// Which services can take calls. Safe from any thread; a change wakes those who watch the service.
package final class HealthRegistry: Sendable {
  package typealias ServingStatus = HealthV1.HealthCheckResponse.ServingStatus

  private struct State {
    var statuses: [String: ServingStatus] = ["": .serving]
    var watchers: [UInt64: (service: String, continuation: AsyncStream<ServingStatus>.Continuation)] = [:]
    var nextWatcher: UInt64 = 0
    var isShutDown = false
  }

  private let state = Mutex(State())

  /// The server as a whole ("") is SERVING.
  package init() {}

  /// The status of a service by its full name, "" for the server; nil for a service nobody set.
  package func status(of service: String) -> ServingStatus? {
    state.withLock { $0.statuses[service] }
  }

  /// Sets a service's status; nil forgets the service.
  package func set(_ status: ServingStatus?, for service: String) {
    state.withLock { state in
      guard state.statuses[service] != status else { return }
      state.statuses[service] = status
      for watcher in state.watchers.values where watcher.service == service {
        watcher.continuation.yield(status ?? .serviceUnknown)
      }
    }
  }

  /// Sets all known services, as for a server that is draining.
  package func setAll(_ status: ServingStatus) {
    for service in all.keys { set(status, for: service) }
  }

  /// The server stops: every service is NOT_SERVING, and watches end after saying so.
  package func shutDown() {
    setAll(.notServing)
    let watchers = state.withLock { state in
      state.isShutDown = true
      return state.watchers.values.map(\.continuation)
    }
    for watcher in watchers { watcher.finish() }
  }

  var isShutDown: Bool { state.withLock { $0.isShutDown } }

  package var all: [String: ServingStatus] {
    state.withLock { $0.statuses }
  }

  /// The status now and after each change. A slow reader misses statuses, never the last one.
  ///
  /// - Throws: `Status` RESOURCE_EXHAUSTED when `Limits.healthWatchers` watch already.
  func watch(_ service: String) throws(Status) -> AsyncStream<ServingStatus> {
    let (stream, continuation) = AsyncStream.makeStream(of: ServingStatus.self, bufferingPolicy: .bufferingNewest(1))
    let id = state.withLock { state -> UInt64? in
      if state.isShutDown {
        continuation.yield(state.statuses[service] ?? .serviceUnknown)
        continuation.finish()
        return 0
      }
      guard state.watchers.count < Limits.healthWatchers else { return nil }
      state.nextWatcher += 1
      state.watchers[state.nextWatcher] = (service, continuation)
      continuation.yield(state.statuses[service] ?? .serviceUnknown)
      return state.nextWatcher
    }
    guard let id else { throw Status(.resourceExhausted, "too many health watchers") }
    continuation.onTermination = { [weak self] _ in
      self?.state.withLock { _ = $0.watchers.removeValue(forKey: id) }
    }
    return stream
  }

  var watcherCount: Int {
    state.withLock { $0.watchers.count }
  }
}
