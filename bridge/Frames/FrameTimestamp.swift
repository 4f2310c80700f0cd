import Foundation

/// Microseconds since 1970, written as phones read it: `2026-05-07T15:39:33.123456+00:00`.
struct FrameTimestamp {
  var unixMicroseconds: Int64

  static func now() -> FrameTimestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return FrameTimestamp(unixMicroseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
  }

  /// 32 ASCII characters.
  var text: String {
    var seconds = unixMicroseconds / 1_000_000
    var fraction = unixMicroseconds % 1_000_000
    if fraction < 0 {
      fraction += 1_000_000
      seconds -= 1
    }
    let days = (seconds >= 0 ? seconds : seconds - 86_399) / 86_400
    let second = seconds - days * 86_400
    let (year, month, day) = Self.civil(days)
    return String(unsafeUninitializedCapacity: 32) { target in
      func write(_ value: Int64, at index: Int, digits: Int, then separator: UInt8) {
        var value = value
        for place in (index..<(index + digits)).reversed() {
          target[place] = UInt8(ascii: "0") + UInt8(value % 10)
          value /= 10
        }
        target[index + digits] = separator
      }
      write(year, at: 0, digits: 4, then: UInt8(ascii: "-"))
      write(month, at: 5, digits: 2, then: UInt8(ascii: "-"))
      write(day, at: 8, digits: 2, then: UInt8(ascii: "T"))
      write(second / 3600, at: 11, digits: 2, then: UInt8(ascii: ":"))
      write(second / 60 % 60, at: 14, digits: 2, then: UInt8(ascii: ":"))
      write(second % 60, at: 17, digits: 2, then: UInt8(ascii: "."))
      write(fraction, at: 20, digits: 6, then: UInt8(ascii: "+"))
      write(0, at: 27, digits: 2, then: UInt8(ascii: ":"))
      target[30] = UInt8(ascii: "0")
      target[31] = UInt8(ascii: "0")
      return 32
    }
  }

  /// Days since 1970 to the Gregorian date (H. Hinnant, chrono-compatible low-level date algorithms).
  private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }
}
