import Foundation

/// One calendar day where a person lives, as instants. Days of 23 and 25 hours are right, and so is a day whose
/// midnight does not exist.
package struct LocalDay: Sendable, Equatable {
  package static let defaultTimeZone = "Asia/Shanghai"

  /// `2026-11-21`
  package let isoDate: String
  /// First instant, in microseconds since the Unix epoch.
  package let start_us: Int64
  /// First instant of the next day, in microseconds since the Unix epoch.
  package let end_us: Int64

  /// The day that contains an instant. An unknown time zone counts as `defaultTimeZone`.
  /// - Parameter containing_us: microseconds since the Unix epoch.
  package init(containing_us: Int64, timeZone: String = LocalDay.defaultTimeZone) {
    let calendar = LocalDay.calendar(timeZone)
    let instant = LocalDay.date(containing_us)
    let start = calendar.startOfDay(for: instant)
    // Noon of a day always exists and is never skipped by a change of the clock, so a day and a half after the start
    // lies in the next day whatever the length of this one.
    let end = calendar.startOfDay(for: start.addingTimeInterval(36 * 3600))
    let parts = calendar.dateComponents([.year, .month, .day], from: instant)
    isoDate = [(parts.year ?? 1970, 4), (parts.month ?? 1, 2), (parts.day ?? 1, 2)]
      .map { LocalDay.padded($0.0, $0.1) }.joined(separator: "-")
    start_us = LocalDay.microseconds(start)
    end_us = LocalDay.microseconds(end)
  }

  /// Whether a name is in the IANA time zone database of this machine.
  package static func isKnown(timeZone: String) -> Bool {
    !timeZone.isEmpty && TimeZone(identifier: timeZone) != nil
  }

  static func calendar(_ timeZone: String) -> Calendar {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone =
      TimeZone(identifier: timeZone.isEmpty ? defaultTimeZone : timeZone) ?? TimeZone(identifier: defaultTimeZone)
      ?? TimeZone(secondsFromGMT: 8 * 3600) ?? .gmt
    return calendar
  }

  static func date(_ instant_us: Int64) -> Date { Date(timeIntervalSince1970: Double(instant_us) / 1_000_000) }

  private static func microseconds(_ date: Date) -> Int64 {
    Int64(date.timeIntervalSince1970.rounded()) * 1_000_000
  }

  private static func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}

extension LocalMoment {
  /// - Parameter at_us: microseconds since the Unix epoch.
  package init(at_us: Int64, timeZone: String = LocalDay.defaultTimeZone) {
    let parts = LocalDay.calendar(timeZone).dateComponents([.year, .hour], from: LocalDay.date(at_us))
    self.init(year: parts.year ?? 1970, hour: parts.hour ?? 0)
  }
}
