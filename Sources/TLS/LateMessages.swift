/// Counts handshake messages after the handshake: a bucket that empties with time.
struct LateMessages: Equatable {
  private var level = 0
  private var since_s: Int64 = 0

  /// False when there are too many.
  mutating func count(_ messages: Int, now_s: Int64) -> Bool {
    guard messages > 0 else { return true }
    let drained = (now_s - since_s) * Int64(Limits.lateHandshakeMessagesPerSecond)
    level = drained >= Int64(level) ? 0 : level - max(0, Int(drained))
    since_s = now_s
    level += messages
    return level <= Limits.lateHandshakeMessages
  }
}
