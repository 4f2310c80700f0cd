import JSON

/// Scalars between JSON and the wire. Functions from JSON return nil for values that do not fit.
enum ScalarMapping {
  static func signed(_ value: JSONValue, _ range: ClosedRange<Int64>) -> Int64? {
    guard let text = integerText(value) else { return nil }
    if let number = Int64(text) { return range.contains(number) ? number : nil }
    guard let number = Double(text), let exact = Int64(exactly: number), range.contains(exact) else { return nil }
    return exact
  }

  static func unsigned(_ value: JSONValue, max: UInt64) -> UInt64? {
    guard let text = integerText(value) else { return nil }
    if let number = UInt64(text) { return number <= max ? number : nil }
    guard let number = Double(text), let exact = UInt64(exactly: number), exact <= max else { return nil }
    return exact
  }

  /// A number, or a number in quotes; in either, no space and nothing that only Swift takes for one.
  private static func integerText(_ value: JSONValue) -> String? {
    switch value {
    case .number(let text): text
    case .string(let text) where isNumber(text): text
    default: nil
    }
  }

  private static func isNumber(_ text: String) -> Bool {
    if case .number? = try? JSONValue(parsing: text, as: .protobuf), text.utf8.first != 0x20, text.utf8.last != 0x20 {
      true
    } else {
      false
    }
  }

  static func double(_ value: JSONValue) -> Double? {
    switch value {
    case .number(let text): finite(text)
    case .string("NaN"): .nan
    case .string("Infinity"): .infinity
    case .string("-Infinity"): -.infinity
    case .string(let text) where isNumber(text): finite(text)
    default: nil
    }
  }

  private static func finite(_ text: String) -> Double? {
    guard let number = Double(text), number.isFinite else { return nil }
    return number
  }

  static func json(_ value: Double) -> JSONValue {
    if value.isNaN { return .string("NaN") }
    if value.isInfinite { return .string(value < 0 ? "-Infinity" : "Infinity") }
    return .number(value.description)
  }

  static func json(_ value: Float) -> JSONValue {
    value.isFinite ? .number(value.description) : json(Double(value))
  }

  // MARK: - Base64

  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  static func base64(_ bytes: some Collection<UInt8>) -> String {
    var result: [UInt8] = []
    var bits: UInt32 = 0
    var count = 0
    for byte in bytes {
      bits = bits << 8 | UInt32(byte)
      count += 8
      while count >= 6 {
        count -= 6
        result.append(alphabet[Int(bits >> UInt32(count) & 63)])
      }
    }
    if count > 0 { result.append(alphabet[Int(bits << UInt32(6 - count) & 63)]) }
    while result.count % 4 != 0 { result.append(UInt8(ascii: "=")) }
    return String(decoding: result, as: UTF8.self)
  }

  /// Standard and URL-safe alphabets, padded or not.
  static func bytes(base64 text: String) -> [UInt8]? {
    var result: [UInt8] = []
    var bits: UInt32 = 0
    var count = 0
    var digits = Array(text.utf8)
    let length = digits.count
    while digits.last == UInt8(ascii: "="), length - digits.count < 2 { digits.removeLast() }
    guard digits.count % 4 != 1, digits.count == length || length % 4 == 0 else { return nil }
    for digit in digits {
      let value: UInt32
      switch digit {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = UInt32(digit - UInt8(ascii: "A"))
      case UInt8(ascii: "a")...UInt8(ascii: "z"): value = UInt32(digit - UInt8(ascii: "a")) + 26
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = UInt32(digit - UInt8(ascii: "0")) + 52
      case UInt8(ascii: "+"), UInt8(ascii: "-"): value = 62
      case UInt8(ascii: "/"), UInt8(ascii: "_"): value = 63
      default: return nil
      }
      bits = bits << 6 | value
      count += 6
      if count >= 8 {
        count -= 8
        result.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
      }
    }
    return result
  }
}
