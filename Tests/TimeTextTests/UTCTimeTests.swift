import Foundation
import Testing
import TimeText

@Suite struct UTCTimeTests {
  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00.000000+00:00"), (-1, "1969-12-31T23:59:59.999999+00:00"),
      (1_778_168_373_123_456, "2026-05-07T15:39:33.123456+00:00"),
      (951_782_400_000_000, "2000-02-29T00:00:00.000000+00:00"),
      (4_107_542_399_999_999, "2100-02-28T23:59:59.999999+00:00"),
      (-2_208_988_800_000_000, "1900-01-01T00:00:00.000000+00:00"),
      (-62_135_596_800_000_000, "0001-01-01T00:00:00.000000+00:00"),
      (253_402_300_799_999_999, "9999-12-31T23:59:59.999999+00:00"),
    ] as [(Int64, String)])
  func texts(_ microseconds: Int64, _ text: String) {
    let time = UTCTime(unixMicroseconds: microseconds)
    #expect(time.text(fractionDigits: 6, zone: "+00:00") == text)
    #expect(time.text(fractionDigits: 3) == text.prefix(23) + "Z")
    #expect(time.text(fractionDigits: 0) == text.prefix(19) + "Z")
    #expect(time.text(fractionDigits: 0, zone: "") == text.prefix(19))
  }

  @Test func nowIsNow() {
    #expect(abs(Double(UTCTime.now().unixMicroseconds) / 1e6 - Date().timeIntervalSince1970) < 60)
  }

  /// Every day of 800 years follows the one before, and is found again.
  @Test func theCalendarIsWhole() {
    var last = CivilDate(daysSince1970: -146_098)
    for days in Int64(-146_097)...146_097 {
      let date = CivilDate(daysSince1970: days)
      #expect(date.daysSince1970 == days)
      let isLeap = last.year % 4 == 0 && (last.year % 100 != 0 || last.year % 400 == 0)
      let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as [Int64]
      var next = CivilDate(year: last.year, month: last.month, day: last.day + 1)
      if next.day > lengths[Int(last.month) - 1] { next = CivilDate(year: last.year, month: last.month + 1, day: 1) }
      if next.month > 12 { next = CivilDate(year: last.year + 1, month: 1, day: 1) }
      #expect(date == next)
      last = date
    }
  }

  @Test func daysThatNoMonthHas() {
    let date = CivilDate(year: 2026, month: 2, day: 30)
    #expect(CivilDate(daysSince1970: date.daysSince1970) == CivilDate(year: 2026, month: 3, day: 2))
  }
}
