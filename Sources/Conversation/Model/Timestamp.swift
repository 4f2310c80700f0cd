/// A point in time, in microseconds since the Unix epoch (PostgreSQL's resolution).
package struct Timestamp: Hashable, Comparable, Sendable, Codable {
  package var microseconds: Int64

  /// Years 1 to 9999, in microseconds: what a message and the store can hold.
  package static let storable: ClosedRange<Int64> = -62_135_596_800_000_000...253_402_300_799_999_999

  package init(microseconds: Int64) { self.microseconds = microseconds }
  package init(from decoder: any Decoder) throws { self.init(microseconds: try Int64(from: decoder)) }
  package func encode(to encoder: any Encoder) throws { try microseconds.encode(to: encoder) }

  package static func < (left: Self, right: Self) -> Bool { left.microseconds < right.microseconds }
  /// Seconds since the Unix epoch, rounded up.
  package var roundedUp_s: Int64 { (microseconds + 999_999) / 1_000_000 }
  /// Whole seconds from `earlier` to this point, never negative.
  package func seconds(since earlier: Timestamp) -> Int {
    Int(max(0, microseconds - earlier.microseconds) / 1_000_000)
  }
}
