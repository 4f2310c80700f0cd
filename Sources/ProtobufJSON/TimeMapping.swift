/// `google.protobuf.Timestamp` as RFC 3339 text and `google.protobuf.Duration` as seconds with an `s`.
enum TimeMapping {
  private static let seconds = -62_135_596_800...253_402_300_799 as ClosedRange<Int64>
  private static let durationSeconds = -315_576_000_000...315_576_000_000 as ClosedRange<Int64>

  /// Nil outside the years 0001…9999.
  static func text(timestamp seconds: Int64, _ nanos: Int64) -> String? {
    guard Self.seconds.contains(seconds), (0...999_999_999).contains(nanos) else { return nil }
    let days = (seconds >= 0 ? seconds : seconds - 86_399) / 86_400
    let second = seconds - days * 86_400
    let (year, month, day) = civil(days: days)
    return "\(digits(year, 4))-\(digits(month, 2))-\(digits(day, 2))T\(digits(second / 3_600, 2)):"
      + "\(digits(second / 60 % 60, 2)):\(digits(second % 60, 2))\(fraction(nanos))Z"
  }

  /// `1972-01-01T10:00:20.021Z`, also with an offset as `+08:00`.
  static func timestamp(_ text: String) -> (seconds: Int64, nanos: Int64)? {
    let pattern = /(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))/
    guard let match = text.wholeMatch(of: pattern)?.output else { return nil }
    func number(_ text: Substring) -> Int64 { Int64(text) ?? -1 }
    let (year, month, day) = (number(match.1), number(match.2), number(match.3))
    let (hour, minute, second) = (number(match.4), number(match.5), number(match.6))
    let days = days(year: year, month: month, day: day)
    guard year > 0, (1...12).contains(month), (1...31).contains(day), civil(days: days) == (year, month, day),
      (0...23).contains(hour), (0...59).contains(minute), (0...59).contains(second)
    else { return nil }
    var offset: Int64 = 0
    if let sign = match.8, let hours = match.9, let minutes = match.10 {
      guard number(hours) < 24, number(minutes) < 60 else { return nil }
      offset = (number(hours) * 3_600 + number(minutes) * 60) * (sign == "-" ? -1 : 1)
    }
    let total = days * 86_400 + hour * 3_600 + minute * 60 + second - offset
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

  // The proleptic Gregorian calendar in eras of 400 years that begin on 1 March.

  private static func civil(days: Int64) -> (Int64, Int64, Int64) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
  }

  private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
    let year = month <= 2 ? year - 1 : year
    let era = (year >= 0 ? year : year - 399) / 400
    let yearOfEra = year - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}
