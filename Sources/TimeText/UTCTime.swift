import Glibc

/// A moment, written as RFC 3339 says: without a formatter's cost.
package struct UTCTime: Sendable {
  package var unixMicroseconds: Int64

  package init(unixMicroseconds: Int64) { self.unixMicroseconds = unixMicroseconds }

  package static func now() -> UTCTime {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return UTCTime(unixMicroseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
  }

  /// `2026-05-07T15:39:33.123Z`. Of years 0000 to 9999.
  /// - Parameters:
  ///   - fractionDigits: at most 6; what is cut off is not rounded. 0: no point either.
  ///   - zone: how UTC is written.
  package func text(fractionDigits: Int, zone: StaticString = "Z") -> String {
    var seconds = unixMicroseconds / 1_000_000
    var microseconds = unixMicroseconds % 1_000_000
    if microseconds < 0 {
      microseconds += 1_000_000
      seconds -= 1
    }
    let days = (seconds >= 0 ? seconds : seconds - 86_399) / 86_400
    let second = seconds - days * 86_400
    let date = CivilDate(daysSince1970: days)
    let zoneStart = fractionDigits > 0 ? 20 + fractionDigits : 19
    return String(unsafeUninitializedCapacity: max(26, zoneStart + zone.utf8CodeUnitCount)) { target in
      func write(_ value: Int64, at start: Int, digits: Int, after separator: UInt8? = nil) {
        var value = value
        for place in (start..<(start + digits)).reversed() {
          target[place] = UInt8(ascii: "0") + UInt8(value % 10)
          value /= 10
        }
        if let separator { target[start - 1] = separator }
      }
      write(date.year, at: 0, digits: 4)
      write(date.month, at: 5, digits: 2, after: UInt8(ascii: "-"))
      write(date.day, at: 8, digits: 2, after: UInt8(ascii: "-"))
      write(second / 3_600, at: 11, digits: 2, after: UInt8(ascii: "T"))
      write(second / 60 % 60, at: 14, digits: 2, after: UInt8(ascii: ":"))
      write(second % 60, at: 17, digits: 2, after: UInt8(ascii: ":"))
      if fractionDigits > 0 { write(microseconds, at: 20, digits: 6, after: UInt8(ascii: ".")) }
      for offset in 0..<zone.utf8CodeUnitCount { target[zoneStart + offset] = zone.utf8Start[offset] }
      return zoneStart + zone.utf8CodeUnitCount
    }
  }
}
