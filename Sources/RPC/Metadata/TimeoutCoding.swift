/// The value of `grpc-timeout`: at most 8 digits and a unit (PROTOCOL-HTTP2.md).
package enum TimeoutCoding {
  private static let units: [(suffix: UInt8, nanoseconds: Int64)] = [
    (UInt8(ascii: "n"), 1), (UInt8(ascii: "u"), 1_000), (UInt8(ascii: "m"), 1_000_000),
    (UInt8(ascii: "S"), 1_000_000_000), (UInt8(ascii: "M"), 60_000_000_000), (UInt8(ascii: "H"), 3_600_000_000_000),
  ]

  /// Nil for anything but 1...8 digits and one of H M S m u n. Never overflows: more than 292 years become 292.
  package static func decode(_ bytes: some BidirectionalCollection<UInt8>) -> Duration? {
    guard let suffix = bytes.last, let unit = units.first(where: { $0.suffix == suffix }) else { return nil }
    let digits = bytes.dropLast()
    guard (1...Limits.timeoutDigits).contains(digits.count) else { return nil }
    var value: Int64 = 0
    for byte in digits {
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
      value = value * 10 + Int64(byte - UInt8(ascii: "0"))
    }
    let (nanoseconds, overflow) = value.multipliedReportingOverflow(by: unit.nanoseconds)
    return .nanoseconds(overflow ? Int64.max : nanoseconds)
  }

  /// The shortest value that is not less than `timeout`, in the finest unit that fits; "0n" when negative.
  package static func encode(_ timeout: Duration) -> String {
    let (seconds, attoseconds) = timeout.components
    guard seconds > 0 || (seconds == 0 && attoseconds > 0) else { return "0n" }
    let limit: Int64 = 99_999_999
    if seconds < 9_000_000_000 {
      let nanoseconds = seconds * 1_000_000_000 + (attoseconds + 999_999_999) / 1_000_000_000
      for unit in units {
        let value = (nanoseconds - 1) / unit.nanoseconds + 1
        if value <= limit { return "\(value)\(Character(UnicodeScalar(unit.suffix)))" }
      }
    }
    return "\(min(limit, seconds / 3600 + 1))H"
  }
}
