import Conversation
import Foundation

/// The machine's time of day.
struct SystemClock: WallClock {
  func now() -> Timestamp {
    Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
  }
}

/// Random UUIDs whose first half grows with time (version 7, RFC 9562 §5.7), so that index pages stay warm.
struct TimeOrderedIdentifiers: IdentifierSource {
  private static let digits = Array("0123456789abcdef".utf8)

  func next() -> String {
    let milliseconds = UInt64(Date().timeIntervalSince1970 * 1_000)
    let high = milliseconds << 16 | 0x7000 | UInt64.random(in: 0..<0x1000)
    let low = UInt64.random(in: 0..<(1 << 62)) | 1 << 63
    return String(unsafeUninitializedCapacity: 36) { buffer in
      var position = 0
      for value in [high, low] {
        for shift in stride(from: 60, through: 0, by: -4) {
          if position == 8 || position == 13 || position == 18 || position == 23 {
            buffer[position] = UInt8(ascii: "-")
            position += 1
          }
          buffer[position] = Self.digits[Int(truncatingIfNeeded: value >> UInt64(shift)) & 15]
          position += 1
        }
      }
      return position
    }
  }
}
