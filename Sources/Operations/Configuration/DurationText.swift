/// Durations as people write them: `500ms`, `30s`, `1h30m`, `1.5s`. Units: ms, s, m, h, d; no unit is refused, since
/// a bare number means seconds to some and milliseconds to others.
package enum DurationText {
  private static let units: [(name: String, milliseconds: Double)] = [
    ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
  ]
  /// A hundred years: anything longer is a slip of the keyboard.
  private static let milliseconds_max = 36_525 * 86_400_000.0

  package static func parse(_ text: String) throws(InvalidValue) -> Duration {
    var rest = text[...]
    var total_ms = 0.0
    var largest = Int.max
    repeat {
      let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      rest = rest.dropFirst(number.count)
      let unit = rest.prefix { $0.isASCII && $0.isLetter }
      rest = rest.dropFirst(unit.count)
      guard let value = Double(number), let index = units.firstIndex(where: { $0.name == unit }), index < largest else {
        throw InvalidValue("'\(text)' is not a duration (500ms, 30s, 1h30m; units ms, s, m, h, d, largest first)")
      }
      largest = index
      total_ms += value * units[index].milliseconds
    } while !rest.isEmpty
    guard total_ms <= milliseconds_max else { throw InvalidValue("'\(text)' is longer than a hundred years") }
    return .milliseconds(Int64(total_ms.rounded()))
  }
}
