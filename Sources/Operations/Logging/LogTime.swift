#if canImport(Glibc)
  import Glibc
#endif

/// The time of a log line, without a formatter's cost.
struct LogTime {
  let seconds: Int
  let milliseconds: Int

  static func now() -> LogTime {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return LogTime(seconds: time.tv_sec, milliseconds: time.tv_nsec / 1_000_000)
  }

  /// RFC 3339, UTC: `2026-11-21T06:30:01.123Z`. Valid from 1970 to 9999.
  func append(to line: inout [UInt8]) {
    let days = seconds / 86_400
    let (year, month, day) = Self.date(daysSince1970: days)
    let second = seconds % 86_400
    Self.append(year, digits: 4, to: &line)
    line.append(UInt8(ascii: "-"))
    Self.append(month, digits: 2, to: &line)
    line.append(UInt8(ascii: "-"))
    Self.append(day, digits: 2, to: &line)
    line.append(UInt8(ascii: "T"))
    Self.append(second / 3600, digits: 2, to: &line)
    line.append(UInt8(ascii: ":"))
    Self.append(second / 60 % 60, digits: 2, to: &line)
    line.append(UInt8(ascii: ":"))
    Self.append(second % 60, digits: 2, to: &line)
    line.append(UInt8(ascii: "."))
    Self.append(milliseconds, digits: 3, to: &line)
    line.append(UInt8(ascii: "Z"))
  }

  /// Howard Hinnant's civil_from_days: years begin in March, so that leap days come last.
  private static func date(daysSince1970 days: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
  }

  private static func append(_ value: Int, digits: Int, to line: inout [UInt8]) {
    var divisor = 1
    for _ in 1..<digits { divisor *= 10 }
    while divisor > 0 {
      line.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
      divisor /= 10
    }
  }
}
