package import RPC

extension GoogleProtobuf.Timestamp {
  /// Microseconds since 1970-01-01T00:00:00Z, as the store has them. Exact.
  package init(unixMicroseconds: Int64) {
    let (quotient, remainder) = unixMicroseconds.quotientAndRemainder(dividingBy: 1_000_000)
    let borrow: Int64 = remainder < 0 ? 1 : 0
    self.init(seconds: quotient - borrow, nanos: Int32((remainder + borrow * 1_000_000) * 1_000))
  }

  /// Rounded down; nil outside years 0001…9999 or with nanos outside 0…999,999,999: no such time may be in a message.
  package var unixMicroseconds: Int64? {
    guard (-62_135_596_800...253_402_300_799).contains(seconds), (0...999_999_999).contains(nanos) else { return nil }
    return seconds * 1_000_000 + Int64(nanos) / 1_000
  }
}

extension GoogleProtobuf.Duration {
  /// Rounded towards zero to nanoseconds.
  package init(_ duration: Swift.Duration) {
    let (seconds, attoseconds) = duration.components
    self.init(seconds: seconds, nanos: Int32(attoseconds / 1_000_000_000))
  }

  /// Nil beyond ±10,000 years, with nanos outside ±999,999,999 or of another sign: no such duration may be in a message.
  package var duration: Swift.Duration? {
    guard (-315_576_000_000...315_576_000_000).contains(seconds), (-999_999_999...999_999_999).contains(nanos),
      seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0)
    else { return nil }
    return .seconds(seconds) + .nanoseconds(Int64(nanos))
  }
}
