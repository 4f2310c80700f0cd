/// The states of one call on the server.
///
/// ```
///            start            finish                 closed
/// collecting ─────▶ running ─────────▶ finished ─────────────▶ closed
///     │                │                                          ▲
///     └── finish ──────┼── closed ────────────────────────────────┘
/// ```
/// The request side ends on its own (`requestEnded`), before or after the response.
struct ServerCallState: Equatable {
  private enum Phase: Equatable {
    case collecting
    case running(headSent: Bool)
    case finished
    case closed
  }

  private var phase = Phase.collecting
  private(set) var requestEnded = false

  /// True until the response ended.
  var canRespond: Bool {
    switch phase {
    case .collecting, .running: true
    case .finished, .closed: false
    }
  }

  /// The handler has not started.
  var isCollecting: Bool { phase == .collecting }

  enum OnStart: Equatable { case run, ignore }

  /// The request is there (unary) or begins (streaming).
  mutating func start() -> OnStart {
    guard phase == .collecting else { return .ignore }
    phase = .running(headSent: false)
    return .run
  }

  enum OnRequestEnd: Equatable { case deliverEnd, ignore }

  /// The client will send nothing more.
  mutating func endRequest() -> OnRequestEnd {
    guard !requestEnded else { return .ignore }
    requestEnded = true
    return canRespond ? .deliverEnd : .ignore
  }

  enum OnMessage: Equatable { case sendHeadAndMessage, sendMessage, refuse }

  mutating func sendMessage() -> OnMessage {
    guard case .running(let headSent) = phase else { return .refuse }
    phase = .running(headSent: true)
    return headSent ? .sendMessage : .sendHeadAndMessage
  }

  enum OnFinish: Equatable { case sendTrailers, sendTrailersOnly, ignore }

  /// The status is known. Only the first one counts.
  mutating func finish() -> OnFinish {
    switch phase {
    case .collecting, .running(headSent: false):
      phase = .finished
      return .sendTrailersOnly
    case .running(headSent: true):
      phase = .finished
      return .sendTrailers
    case .finished, .closed:
      return .ignore
    }
  }

  enum OnClosed: Equatable { case cancelHandler, nothing }

  /// The stream is gone, by either side or with its connection.
  mutating func closed() -> OnClosed {
    let wasRunning = if case .running = phase { true } else { false }
    phase = .closed
    requestEnded = true
    return wasRunning ? .cancelHandler : .nothing
  }
}
