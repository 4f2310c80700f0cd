import CVector

/// Checks JSON and finds its parts, in one pass over the bytes. UTF-8 was checked before; a byte-order mark is not white
/// space.
package struct JSONScanner {
  package private(set) var position: Int
  private let dialect: JSONDialect

  package init(_ dialect: JSONDialect, position: Int = 0) {
    self.dialect = dialect
    self.position = position
  }

  package func error(_ reason: String) -> JSONError { JSONError(offset: position, reason: reason) }

  /// Takes the next byte.
  package mutating func skip() { position += 1 }

  /// The next byte that is no white space, without taking it; nil at the end.
  package mutating func peek(_ bytes: Span<UInt8>) -> UInt8? {
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"): position += 1
      case let byte: return byte
      }
    }
    return nil
  }

  package mutating func expect(_ byte: UInt8, _ bytes: Span<UInt8>) throws(JSONError) {
    guard peek(bytes) == byte else { throw error("\(Character(Unicode.Scalar(byte))) is missing") }
    position += 1
  }

  /// Takes `byte` if it comes next.
  package mutating func take(_ byte: UInt8, _ bytes: Span<UInt8>) -> Bool {
    guard peek(bytes) == byte else { return false }
    position += 1
    return true
  }

  /// Takes a whole value. `depth` counts the arrays and objects around it.
  package mutating func value(_ bytes: Span<UInt8>, depth: Int) throws(JSONError) -> JSONToken {
    guard let first = peek(bytes) else { throw error("the text ends") }
    switch first {
    case UInt8(ascii: "\""): return try string(bytes)
    case UInt8(ascii: "{"), UInt8(ascii: "["): return try container(bytes, opening: first, depth: depth + 1)
    case UInt8(ascii: "n"): return try word("null", .null, bytes)
    case UInt8(ascii: "t"): return try word("true", .true, bytes)
    case UInt8(ascii: "f"): return try word("false", .false, bytes)
    case UInt8(ascii: "N") where dialect.takesNonFinite: return try word("NaN", .notANumber, bytes)
    case UInt8(ascii: "I") where dialect.takesNonFinite: return try word("Infinity", .infinity, bytes)
    default: return try number(bytes)
    }
  }

  /// - Parameter depth: arrays and objects around the next value.
  package func checkNesting(_ depth: Int) throws(JSONError) {
    guard depth <= dialect.nesting_max else { throw error("nested deeper than \(dialect.nesting_max)") }
  }

  private mutating func container(_ bytes: Span<UInt8>, opening: UInt8, depth: Int) throws(JSONError) -> JSONToken {
    try checkNesting(depth)
    let start = position
    let isObject = opening == UInt8(ascii: "{")
    let closing = isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")
    position += 1
    let isEmpty = take(closing, bytes)
    if !isEmpty {
      repeat {
        if isObject { _ = try key(bytes) }
        _ = try value(bytes, depth: depth)
      } while take(UInt8(ascii: ","), bytes)
      try expect(closing, bytes)
    }
    return JSONToken(kind: isObject ? .object : .array, isComplex: !isEmpty, start: start, end: position)
  }

  /// A member's name and its colon.
  package mutating func key(_ bytes: Span<UInt8>) throws(JSONError) -> JSONToken {
    guard peek(bytes) == UInt8(ascii: "\"") else { throw error("a key in quotes is missing") }
    let name = try string(bytes)
    try expect(UInt8(ascii: ":"), bytes)
    return name
  }

  private var noValue: JSONError { error("no JSON value begins like this") }

  private mutating func word(
    _ word: StaticString, _ kind: JSONToken.Kind, _ bytes: Span<UInt8>
  ) throws(JSONError) -> JSONToken {
    let start = position
    guard bytes.count - start >= word.utf8CodeUnitCount else { throw noValue }
    for offset in 0..<word.utf8CodeUnitCount where bytes[start + offset] != word.utf8Start[offset] { throw noValue }
    position += word.utf8CodeUnitCount
    return JSONToken(kind: kind, start: start, end: position)
  }

  private mutating func number(_ bytes: Span<UInt8>) throws(JSONError) -> JSONToken {
    let start = position
    if bytes[position] == UInt8(ascii: "-") {
      position += 1
      if dialect.takesNonFinite, position < bytes.count, bytes[position] == UInt8(ascii: "I") {
        let token = try word("Infinity", .negativeInfinity, bytes)
        return JSONToken(kind: token.kind, start: start, end: token.end)
      }
    }
    let leading = position
    let digits = self.digits(bytes)
    guard digits > 0, digits == 1 || bytes[leading] != UInt8(ascii: "0") else {
      position = start
      throw noValue
    }
    var kind = JSONToken.Kind.integer
    if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
      position += 1
      guard self.digits(bytes) > 0 else { throw error("digits are missing after the point") }
      kind = .float
    }
    if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
      position += 1
      if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
        position += 1
      }
      guard self.digits(bytes) > 0 else { throw error("digits of the exponent are missing") }
      kind = .float
    }
    guard kind == .float || digits <= dialect.digits_max else {
      throw error("a number of more than \(dialect.digits_max) digits")
    }
    return JSONToken(kind: kind, start: start, end: position)
  }

  /// Takes digits; how many there were.
  private mutating func digits(_ bytes: Span<UInt8>) -> Int {
    let start = position
    while position < bytes.count, bytes[position] &- UInt8(ascii: "0") < 10 { position += 1 }
    return position - start
  }

  private mutating func string(_ bytes: Span<UInt8>) throws(JSONError) -> JSONToken {
    let start = position
    position += 1
    var isComplex = false
    while true {
      position = plainEnd(bytes, from: position)
      guard position < bytes.count else { throw error("the text ends within a string") }
      switch bytes[position] {
      case UInt8(ascii: "\""):
        position += 1
        return JSONToken(kind: .string, isComplex: isComplex, start: start, end: position)
      case UInt8(ascii: "\\"):
        isComplex = true
        try escape(bytes)
      default:
        throw error("a control character in a string")
      }
    }
  }

  private mutating func escape(_ bytes: Span<UInt8>) throws(JSONError) {
    guard position + 1 < bytes.count else { throw error("the text ends within a string") }
    switch bytes[position + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      position += 2
    case UInt8(ascii: "u"):
      for offset in 2..<6 where position + offset >= bytes.count || Self.hexValue(bytes[position + offset]) == nil {
        throw error("four hexadecimal digits are missing")
      }
      position += 6
    default:
      throw error("an unknown escape")
    }
  }

  package static func hexValue(_ byte: UInt8) -> UInt32? {
    if byte &- UInt8(ascii: "0") < 10 { return UInt32(byte &- UInt8(ascii: "0")) }
    let letter = (byte | 0x20) &- UInt8(ascii: "a")
    return letter < 6 ? UInt32(letter) + 10 : nil
  }

  /// The first quote, backslash or control character from `start` on; the end if there is none.
  private func plainEnd(_ bytes: Span<UInt8>, from start: Int) -> Int {
    bytes.withUnsafeBufferPointer { bytes in
      guard let base = bytes.baseAddress, start < bytes.count else { return start }
      return start + lifeecho_json_plain(base + start, bytes.count - start)
    }
  }
}
