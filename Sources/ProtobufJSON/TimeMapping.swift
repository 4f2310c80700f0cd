import TimeText

/// `google.protobuf.Timestamp` as RFC 3339 text and `google.protobuf.Duration` as seconds with an `s`.
enum TimeMapping {
  private static let seconds = -62_135_596_800...253_402_300_799 as ClosedRange<Int64>
  private static let durationSeconds = -315_576_000_000...315_576_000_000 as ClosedRange<Int64>

  /// Nil outside the years 0001…9999.
  static func text(timestamp seconds: Int64, _ nanos: Int64) -> String? {
    guard Self.seconds.contains(seconds), (0...999_999_999).contains(nanos) else { return nil }
    return UTCTime(unixMicroseconds: seconds * 1_000_000).text(fractionDigits: 0, zone: "") + fraction(nanos) + "Z"
  }

  /// `1972-01-01T10:00:20.021Z`, also with an offset as `+08:00`.
  static func timestamp(_ text: String) -> (seconds: Int64, nanos: Int64)? {
    let pattern = /(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))/
    guard let match = text.wholeMatch(of: pattern)?.output else { return nil }
    func number(_ text: Substring) -> Int64 { Int64(text) ?? -1 }
    let date = CivilDate(year: number(match.1), month: number(match.2), day: number(match.3))
    let (hour, minute, second) = (number(match.4), number(match.5), number(match.6))
    guard date.year > 0, (1...12).contains(date.month), (1...31).contains(date.day),
      CivilDate(daysSince1970: date.daysSince1970) == date, (0...23).contains(hour), (0...59).contains(minute),
      (0...59).contains(second)
    else { return nil }
    var offset: Int64 = 0
    if let sign = match.8, let hours = match.9, let minutes = match.10 {
      guard number(hours) < 24, number(minutes) < 60 else { return nil }
      offset = (number(hours) * 3_600 + number(minutes) * 60) * (sign == "-" ? -1 : 1)
    }
    let total = date.daysSince1970 * 86_400 + hour * 3_600 + minute * 60 + second - offset
    return Self.seconds.contains(total) ? (total, nanos(match.7 ?? "")) : nil
  }

  /// Nil beyond ±10,000 years, or when seconds and nanos have different signs.
  static func text(duration seconds: Int64, _ nanos: Int64) -> String? {
    guard durationSeconds.contains(seconds), (-999_999_999...999_999_999).contains(nanos),
      seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0)
    else { return nil }
    return "\(seconds < 0 || nanos < 0 ? "-" : "")\(abs(seconds))\(fraction(abs(nanos)))s"
  }

  static func duration(_ text: String) -> (seconds: Int64, nanos: Int64)? {
    guard let match = text.wholeMatch(of: /(-?)(\d{1,12})(?:\.(\d{1,9}))?s/)?.output, let seconds = Int64(match.2),
      durationSeconds.contains(seconds)
    else { return nil }
    let sign: Int64 = match.1.isEmpty ? 1 : -1
    return (sign * seconds, sign * nanos(match.3 ?? ""))
  }

  /// Nothing, or a point and 3, 6 or 9 digits.
  private static func fraction(_ nanos: Int64) -> String {
    if nanos == 0 { return "" }
    if nanos % 1_000_000 == 0 { return "." + digits(nanos / 1_000_000, 3) }
    return "." + (nanos % 1_000 == 0 ? digits(nanos / 1_000, 6) : digits(nanos, 9))
  }

  private static func nanos(_ digits: Substring) -> Int64 {
    Int64(digits + String(repeating: "0", count: 9 - digits.count)) ?? 0
  }

  private static func digits(_ number: Int64, _ count: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, count - text.count)) + text
  }
}
