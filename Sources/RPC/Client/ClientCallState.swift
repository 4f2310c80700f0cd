/// The states of one call on the client.
///
/// ```
/// waiting ── opened ──▶ open(no head) ── head ──▶ open(head) ── trailers ──▶ ended
///    ▲                      │                        │                        ▲
///    └──── refused, once ───┘      deadline, cancel, reset, lost connection ──┘
/// ```
struct ClientCallState: Equatable {
  private enum Phase: Equatable {
    case waiting
    case open(headReceived: Bool)
    case ended(Status)
  }

  private var phase = Phase.waiting
  private(set) var requestEnded = false
  /// The client ended the call itself: what came before is not delivered any more.
  private(set) var isAborted = false
  private var hasRetried = false
  /// True when the request is one message that can be sent again.
  private let isRepeatable: Bool

  init(isRepeatable: Bool) {
    self.isRepeatable = isRepeatable
  }

  var isWaiting: Bool { phase == .waiting }

  /// How the call ended; nil before.
  var status: Status? {
    if case .ended(let status) = phase { status } else { nil }
  }

  var headReceived: Bool {
    switch phase {
    case .waiting: false
    case .open(let received): received
    case .ended: true
    }
  }

  /// A connection took the call. False when it ended meanwhile.
  mutating func opened() -> Bool {
    guard phase == .waiting else { return false }
    phase = .open(headReceived: false)
    return true
  }

  /// Response headers that do not end the call. False when they are not expected.
  mutating func receivedHead() -> Bool {
    guard phase == .open(headReceived: false) else { return false }
    phase = .open(headReceived: true)
    return true
  }

  /// The writer says it is done. False when it said so before.
  mutating func endRequest() -> Bool {
    guard !requestEnded else { return false }
    requestEnded = true
    return true
  }

  enum OnEnd: Equatable {
    /// The server still expects something: reset the stream.
    case endAndReset
    case end
    case ignore
  }

  /// The status arrived from the server.
  mutating func receivedStatus(_ status: Status) -> OnEnd {
    guard case .open = phase else { return .ignore }
    phase = .ended(status)
    return requestEnded ? .end : .endAndReset
  }

  /// The client ends the call itself: deadline, cancellation, or a response it cannot use.
  mutating func abort(_ status: Status) -> OnEnd {
    switch phase {
    case .waiting:
      phase = .ended(status)
      isAborted = true
      return .end
    case .open:
      phase = .ended(status)
      isAborted = true
      return .endAndReset
    case .ended:
      return .ignore
    }
  }

  enum OnClosed: Equatable {
    /// The server did not look at the call; it may be sent again (RFC 9113 §8.7, gRFC A6 "transparent retry").
    case retry
    case end
    case ignore
  }

  /// The stream is gone; `isRefused` when the server did not process it.
  mutating func closed(_ status: Status, isRefused: Bool) -> OnClosed {
    switch phase {
    case .open(headReceived: false) where isRefused && isRepeatable && !hasRetried:
      hasRetried = true
      phase = .waiting
      return .retry
    case .waiting, .open:
      phase = .ended(status)
      return .end
    case .ended:
      return .ignore
    }
  }
}
