/// The W3C trace context of a call: `traceparent` (https://www.w3.org/TR/trace-context/), version 00.
package struct TraceParent: Sendable, Hashable, CustomStringConvertible {
  package let traceIDHigh: UInt64
  package let traceIDLow: UInt64
  package let spanID: UInt64
  package let flags: UInt8

  package init(traceIDHigh: UInt64, traceIDLow: UInt64, spanID: UInt64, flags: UInt8) {
    self.traceIDHigh = traceIDHigh
    self.traceIDLow = traceIDLow
    self.spanID = spanID
    self.flags = flags
  }

  /// Nil for a malformed value, an all-zero id, or version ff. A later version is read as far as version 00 goes.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count >= 4, parts[0].utf8.count == 2, parts[1].utf8.count == 32, parts[2].utf8.count == 16,
      parts[3].utf8.count == 2,
      let version = Self.hexadecimal(parts[0]), version != 0xFF, version != 0 || parts.count == 4,
      let high = Self.hexadecimal(parts[1].prefix(16)), let low = Self.hexadecimal(parts[1].suffix(16)),
      let span = Self.hexadecimal(parts[2]), let flags = Self.hexadecimal(parts[3]),
      high != 0 || low != 0, span != 0
    else { return nil }
    self.init(traceIDHigh: high, traceIDLow: low, spanID: span, flags: UInt8(truncatingIfNeeded: flags))
  }

  /// A new trace, not sampled.
  package static func random(using generator: inout some RandomNumberGenerator) -> TraceParent {
    TraceParent(
      traceIDHigh: .random(in: 1...UInt64.max, using: &generator), traceIDLow: generator.next(),
      spanID: .random(in: 1...UInt64.max, using: &generator), flags: 0)
  }

  /// The same trace with a new span id: what a server passes to the calls it makes.
  package func child(using generator: inout some RandomNumberGenerator) -> TraceParent {
    TraceParent(
      traceIDHigh: traceIDHigh, traceIDLow: traceIDLow, spanID: .random(in: 1...UInt64.max, using: &generator),
      flags: flags)
  }

  package func child() -> TraceParent {
    var generator = SystemRandomNumberGenerator()
    return child(using: &generator)
  }

  package var description: String {
    "00-\(traceID)-\(Self.text(spanID, digits: 16))-\(Self.text(UInt64(flags), digits: 2))"
  }

  /// 32 lower-case hexadecimal digits, as logs show it.
  package var traceID: String {
    Self.text(traceIDHigh, digits: 16) + Self.text(traceIDLow, digits: 16)
  }

  private static func text(_ value: UInt64, digits: Int) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: digits - text.utf8.count) + text
  }

  /// Lower-case only, as the recommendation demands.
  private static func hexadecimal(_ text: some StringProtocol) -> UInt64? {
    var value: UInt64 = 0
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(byte - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
      default: return nil
      }
    }
    return value
  }
}
