/// Time that one turn of an event loop may spend on handshakes.
///
/// A handshake costs ≈ 0.4 ms of computing, an RPC 2 µs: without a bound a few hundred new clients would hold up
/// everybody who is served already.
struct HandshakeBudget: Equatable {
  private let turn_ns: Int64
  private var spent_ns: Int64 = 0

  init(turn_ns: Int64 = Limits.handshakesPerTurn_ns) {
    self.turn_ns = turn_ns
  }

  /// Whether the next step has to wait for the next turn.
  var isSpent: Bool { spent_ns >= turn_ns }

  mutating func spend(_ duration_ns: Int64) {
    spent_ns += max(1, duration_ns)
  }

  mutating func refill() { spent_ns = 0 }
}
