/// The two steps of a graceful stop.
struct GracefulShutdown {
  private enum State { case serving, noticeSent, finalSent }
  private var state = State.serving
  /// Marks our PING: its acknowledgement proves that the peer has seen the notice ("shutdown").
  static let ping: UInt64 = 0x7368_7574_646f_776e

  /// True when the notice should be sent.
  mutating func begin() -> Bool {
    guard state == .serving else { return false }
    state = .noticeSent
    return true
  }

  /// The PING came back or the time is over; true when the final GOAWAY should be sent.
  mutating func finishNotice() -> Bool {
    guard state == .noticeSent else { return false }
    state = .finalSent
    return true
  }
}
