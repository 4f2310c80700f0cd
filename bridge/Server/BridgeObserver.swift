import CoreMetrics
import Logging
import Metrics
import NIOCore
import Synchronization
import WebSocket

/// What operators see of the bridge: counters and a few log lines, without tokens and without what people said.
final class BridgeObserver: Sendable {
  let logger: Logger
  private let received: [String: Counter]
  private let sentFrames = Counter(label: "lifeecho.bridge.frames.sent")
  private let socketGauge = Gauge(label: "lifeecho.bridge.sockets")
  private let closes: [UInt16: Counter]
  private let otherCloses = Counter(label: "lifeecho.bridge.closes", dimensions: [("code", "other")])
  private let refusals: [Int: Counter]
  private let limits: [WebSocketLimit: Counter]
  private let tokenProblems = Counter(label: "lifeecho.bridge.token.problems")
  private let tokenProblemDue = Mutex(NIODeadline.uptimeNanoseconds(0))
  private let socketCount = Atomic(0)
  private let sessions = Mutex<[ObjectIdentifier: BridgeSession]>([:])
  private let draining = Atomic(false)

  init(logger: Logger) {
    self.logger = logger
    let types = ClientFrameType.allCases.map(\.rawValue) + ["unknown", "unreadable"]
    received = Self.counters("frames.received", "type", types) { $0 }
    let codes: [UInt16] = [1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011, 1012, 1013, 4401]
    closes = Self.counters("closes", "code", codes) { "\($0)" }
    refusals = Self.counters("refusals", "status", [403, 404, 503]) { "\($0)" }
    limits = Self.counters("limits", "limit", WebSocketLimit.allCases) { $0.rawValue }
  }

  private static func counters<Key: Hashable>(
    _ name: String, _ label: String, _ keys: [Key], _ value: (Key) -> String
  ) -> [Key: Counter] {
    let counters = keys.map { Counter(label: "lifeecho.bridge.\(name)", dimensions: [(label, value($0))]) }
    return Dictionary(uniqueKeysWithValues: zip(keys, counters))
  }

  func opened(_ session: BridgeSession) {
    socketGauge.record(socketCount.add(1, ordering: .relaxed).newValue)
    sessions.withLock { $0[ObjectIdentifier(session)] = session }
    logger.debug("socket opened", metadata: ["protocol": session.isVersion2 ? "2" : "1"])
  }

  func closed(_ session: BridgeSession, code: WebSocketCloseCode) {
    socketGauge.record(socketCount.subtract(1, ordering: .relaxed).newValue)
    sessions.withLock { $0[ObjectIdentifier(session)] = nil }
    (closes[code.rawValue] ?? otherCloses).increment()
    logger.debug("socket closed", metadata: ["code": "\(code.rawValue)"])
  }

  func received(_ frame: ClientFrame) {
    received[frame.label]?.increment()
    if frame == .unknown { logger.debug("frame of unknown type") }
  }

  func sent() { sentFrames.increment() }

  /// The service does not know the bridge's own token, or there is none: nobody is served. Said once in a while.
  func tokenProblem(_ error: any Error) {
    tokenProblems.increment()
    let isDue = tokenProblemDue.withLock { due in
      guard NIODeadline.now() >= due else { return false }
      due = .now() + Limits.tokenProblemPause
      return true
    }
    if isDue { logger.error("no phone is served without a service token", metadata: ["reason": "\(error)"]) }
  }

  func refused(status: Int) { refusals[status]?.increment() }

  func reached(_ limit: WebSocketLimit) { limits[limit]?.increment() }

  var isDraining: Bool { draining.load(ordering: .acquiring) }

  /// The bridge stops: sends every socket away, each on its own loop.
  func drain() {
    draining.store(true, ordering: .releasing)
    for session in sessions.withLock({ Array($0.values) }) {
      session.loop.execute { session.bridgeStops() }
    }
  }
}
