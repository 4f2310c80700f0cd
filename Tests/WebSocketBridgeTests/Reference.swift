@testable import WebSocketBridge

/// The slow and plain way to read what phones send: a tree of values, one character at a time. What the bridge's reader
/// is compared with.
enum Reference {
  indirect enum Value: Equatable {
    case null
    case bool(Bool)
    /// As it was written.
    case number(String)
    case string([UInt16])
    case array([Value])
    /// Repeated members: the last one.
    case object([[UInt16]: Value])
  }

  /// `json.loads`; nil where it raises.
  static func json(_ text: String) -> Value? {
    var parser = Parser(text: Array(text.unicodeScalars))
    guard let value = parser.value(depth: 0) else { return nil }
    parser.space()
    return parser.place == parser.text.count ? value : nil
  }

  private struct Parser {
    let text: [Unicode.Scalar]
    var place = 0

    mutating func space() {
      while place < text.count, [" ", "\t", "\n", "\r"].contains(text[place]) { place += 1 }
    }

    mutating func take(_ word: String) -> Bool {
      let scalars = Array(word.unicodeScalars)
      guard place + scalars.count <= text.count, Array(text[place..<place + scalars.count]) == scalars else {
        return false
      }
      place += scalars.count
      return true
    }

    mutating func value(depth: Int) -> Value? {
      space()
      if depth > 1000 { return nil }
      for (word, value) in [("null", Value.null), ("true", .bool(true)), ("false", .bool(false))] where take(word) {
        return value
      }
      for word in ["NaN", "Infinity", "-Infinity"] where take(word) { return .number(word) }
      if take("\"") { return string().map { .string($0) } }
      if take("[") { return depth < 1000 ? array(depth: depth) : nil }
      if take("{") { return depth < 1000 ? object(depth: depth) : nil }
      return number()
    }

    mutating func array(depth: Int) -> Value? {
      var values: [Value] = []
      space()
      if take("]") { return .array([]) }
      while true {
        guard let next = value(depth: depth + 1) else { return nil }
        values.append(next)
        space()
        if take("]") { return .array(values) }
        guard take(",") else { return nil }
      }
    }

    mutating func object(depth: Int) -> Value? {
      var members: [[UInt16]: Value] = [:]
      space()
      if take("}") { return .object([:]) }
      while true {
        space()
        guard take("\""), let name = string() else { return nil }
        space()
        guard take(":"), let next = value(depth: depth + 1) else { return nil }
        members[name] = next
        space()
        if take("}") { return .object(members) }
        guard take(",") else { return nil }
      }
    }

    mutating func string() -> [UInt16]? {
      var units: [UInt16] = []
      while place < text.count {
        let scalar = text[place]
        place += 1
        switch scalar {
        case "\"": return units
        case "\\":
          guard place < text.count else { return nil }
          let escape = text[place]
          place += 1
          switch escape {
          case "\"", "\\", "/": units.append(UInt16(escape.value))
          case "b": units.append(8)
          case "f": units.append(12)
          case "n": units.append(10)
          case "r": units.append(13)
          case "t": units.append(9)
          case "u":
            guard place + 4 <= text.count else { return nil }
            let digits = text[place..<place + 4]
            guard digits.allSatisfy({ $0.isASCII && $0.properties.isHexDigit }),
              let unit = UInt16(String(String.UnicodeScalarView(digits)), radix: 16)
            else { return nil }
            units.append(unit)
            place += 4
          default: return nil
          }
        case _ where scalar.value < 0x20: return nil
        default: units += Array(String(scalar).utf16)
        }
      }
      return nil
    }

    mutating func number() -> Value? {
      let start = place
      func isDigit(_ place: Int) -> Bool { place < text.count && ("0"..."9").contains(text[place]) }
      if place < text.count, text[place] == "-" { place += 1 }
      let first = place
      while isDigit(place) { place += 1 }
      let digits = place - first
      guard digits > 0 else { return nil }
      // Python reads the 0 and stumbles over the next digit.
      if text[first] == "0", digits > 1 { return nil }
      var isInteger = true
      if place < text.count, text[place] == ".", isDigit(place + 1) {
        isInteger = false
        place += 1
        while isDigit(place) { place += 1 }
      }
      if place < text.count, text[place] == "e" || text[place] == "E" {
        var exponent = place + 1
        if exponent < text.count, text[exponent] == "+" || text[exponent] == "-" { exponent += 1 }
        if isDigit(exponent) {
          isInteger = false
          place = exponent
          while isDigit(place) { place += 1 }
        }
      }
      if isInteger, digits > 4300 { return nil }
      return .number(String(String.UnicodeScalarView(text[start..<place])))
    }
  }
}
