/// Whether a channel has a connection, and when it tries again (grpc/doc/connectivity-semantics-and-api.md,
/// connection-backoff.md). Connections are made when a call needs one.
struct ConnectivityState: Equatable {
  private enum Phase: Equatable {
    case idle
    case connecting
    case ready
    case backingOff
    case shutdown
  }

  private var phase = Phase.idle
  private let reconnectMaximum_s: Double
  /// Attempts that failed since the last success.
  private(set) var failures = 0

  init(reconnectMaximum_s: Double = Limits.reconnectMaximum_s) { self.reconnectMaximum_s = reconnectMaximum_s }

  enum OnCall: Equatable { case use, wait, connectAndWait, failFast, refuse }

  mutating func callStarted(waitForReady: Bool) -> OnCall {
    switch phase {
    case .ready: return .use
    case .connecting: return .wait
    case .idle:
      phase = .connecting
      return .connectAndWait
    case .backingOff: return waitForReady ? .wait : .failFast
    case .shutdown: return .refuse
    }
  }

  enum OnConnected: Equatable { case dispatch, close }

  mutating func connected() -> OnConnected {
    guard phase == .connecting else { return .close }
    phase = .ready
    failures = 0
    return .dispatch
  }

  enum OnFailed: Equatable {
    /// Fail the calls that do not wait for readiness, and try again for the others after that time.
    case backOff(seconds: Double)
    case ignore
  }

  /// - Parameter random: in -1...1, for the jitter.
  mutating func connectFailed(random: Double) -> OnFailed {
    guard phase == .connecting else { return .ignore }
    phase = .backingOff
    failures += 1
    var delay = Limits.reconnectInitial_s
    for _ in 1..<max(failures, 1) where delay < reconnectMaximum_s { delay *= Limits.reconnectMultiplier }
    delay = min(delay, reconnectMaximum_s)
    return .backOff(seconds: delay * (1 + Limits.reconnectJitter * random))
  }

  enum OnBackoffElapsed: Equatable { case connect, nothing }

  mutating func backoffElapsed(callsWait: Bool) -> OnBackoffElapsed {
    guard phase == .backingOff else { return .nothing }
    phase = callsWait ? .connecting : .idle
    return callsWait ? .connect : .nothing
  }

  enum OnLost: Equatable { case connect, nothing }

  /// The connection in use was closed, or takes no new calls.
  mutating func connectionLost(callsWait: Bool) -> OnLost {
    guard phase == .ready else { return .nothing }
    phase = callsWait ? .connecting : .idle
    return callsWait ? .connect : .nothing
  }

  mutating func shutdown() {
    phase = .shutdown
  }
}
