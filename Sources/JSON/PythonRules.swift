/// What Python makes of JSON values that are not of the expected kind (`JSONDialect.python`): phones in the field rely on it.
package enum PythonRules {
  /// `not value`.
  package static func isFalsy(_ token: JSONToken, _ bytes: Span<UInt8>) -> Bool {
    switch token.kind {
    case .absent, .null, .false: true
    case .true, .notANumber, .infinity, .negativeInfinity: false
    case .string: token.end - token.start == 2
    case .array, .object: !token.isComplex
    case .integer, .float: number(token, bytes) == 0
    }
  }

  /// `int(value)`.
  package enum Integer: Equatable {
    /// Beyond the range of Int: its end.
    case value(Int)
    /// ValueError or TypeError.
    case none
    /// OverflowError.
    case overflow
  }

  package static func integer(_ token: JSONToken, _ bytes: Span<UInt8>) -> Integer {
    switch token.kind {
    case .integer, .float: integer(number(token, bytes), token, bytes)
    case .true: .value(1)
    case .false: .value(0)
    case .infinity, .negativeInfinity: .overflow
    case .string:
      JSONText(token, in: bytes).integer.map { .value($0) } ?? .none
    case .absent, .null, .notANumber, .array, .object: .none
    }
  }

  private static func integer(_ number: Double, _ token: JSONToken, _ bytes: Span<UInt8>) -> Integer {
    if token.kind == .integer, let exact = Int(token.source(in: bytes)) { return .value(exact) }
    guard number.isFinite || token.kind == .integer else { return .overflow }
    return .value(Int(exactly: number.rounded(.towardZero)) ?? (number < 0 ? .min : .max))
  }

  package static func number(_ token: JSONToken, _ bytes: Span<UInt8>) -> Double {
    Double(token.source(in: bytes)) ?? 0
  }

  /// An id that was sent as something else than a string, too: 7 is "7".
  package enum Identifier: Equatable {
    case absent
    /// White space, an array, an object.
    case blank
    /// Half a surrogate pair, or U+0000.
    case unusable
    case value(String)
  }

  package static func identifier(_ token: JSONToken, _ bytes: Span<UInt8>) -> Identifier {
    if isFalsy(token, bytes) { return .absent }
    switch token.kind {
    case .string:
      let text = JSONText(token, in: bytes)
      guard !text.hasLoneSurrogate, !text.text.unicodeScalars.contains("\0") else { return .unusable }
      let trimmed = trim(text.text)
      return trimmed.isEmpty ? .blank : .value(trimmed)
    case .true: return .value("True")
    case .integer: return .value(token.source(in: bytes))
    case .float: return .value(number(token, bytes).description)
    case .notANumber: return .value("nan")
    case .infinity: return .value("inf")
    case .negativeInfinity: return .value("-inf")
    case .absent, .null, .false, .array, .object: return .blank
    }
  }

  /// `str.strip()`.
  package static func trim(_ text: String) -> String {
    let scalars = text.unicodeScalars
    guard let first = scalars.firstIndex(where: { !isSpace($0) }),
      let last = scalars.lastIndex(where: { !isSpace($0) })
    else { return "" }
    if first == scalars.startIndex, scalars.index(after: last) == scalars.endIndex { return text }
    return String(scalars[first...last])
  }

  /// `str.isspace`: White_Space and four separators.
  static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
  }

  /// What a value is when it is sent back: as it came, but JSON that everybody reads (no NaN, no Infinity).
  package static func echo(_ token: JSONToken, _ bytes: Span<UInt8>) -> String {
    switch token.kind {
    case .absent: return "0"
    case .notANumber, .infinity, .negativeInfinity: return "null"
    case .float: return number(token, bytes).isFinite ? token.source(in: bytes) : "null"
    case .null, .true, .false, .integer, .string: return token.source(in: bytes)
    case .array, .object:
      var scanner = JSONScanner(.python, position: token.start)
      return (try? compact(&scanner, bytes)) ?? "null"
    }
  }

  private static func compact(_ scanner: inout JSONScanner, _ bytes: Span<UInt8>) throws(JSONError) -> String {
    let isObject = scanner.peek(bytes) == UInt8(ascii: "{")
    guard isObject || scanner.peek(bytes) == UInt8(ascii: "[") else {
      return echo(try scanner.value(bytes, depth: 0), bytes)
    }
    scanner.skip()
    let closing = isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")
    var text = isObject ? "{" : "["
    while !scanner.take(closing, bytes) {
      if scanner.take(UInt8(ascii: ","), bytes) { text += "," }
      if isObject { text += try scanner.key(bytes).source(in: bytes) + ":" }
      text += try compact(&scanner, bytes)
    }
    return text + (isObject ? "}" : "]")
  }
}

extension JSONText {
  /// `int(text)`: white space around, a sign, decimal digits of any script with single underscores between.
  fileprivate var integer: Int? {
    guard !hasLoneSurrogate else { return nil }
    let isASCII = text.utf8.allSatisfy { $0 < 0x80 }
    // Of ASCII text Python takes off C's white space only.
    let isSpace: (Unicode.Scalar) -> Bool = {
      isASCII ? (9...13).contains($0.value) || $0 == " " : PythonRules.isSpace($0)
    }
    var scalars = text.unicodeScalars[...]
    while let first = scalars.first, isSpace(first) { scalars.removeFirst() }
    while let last = scalars.last, isSpace(last) { scalars.removeLast() }
    let isNegative = scalars.first == "-"
    if isNegative || scalars.first == "+" { scalars.removeFirst() }
    var value = 0
    var digits = 0
    var mayUnderscore = false
    for scalar in scalars {
      if scalar == "_" {
        guard mayUnderscore else { return nil }
        mayUnderscore = false
        continue
      }
      guard scalar.properties.numericType == .decimal, let digit = scalar.properties.numericValue else { return nil }
      digits += 1
      mayUnderscore = true
      let (product, overflows) = value.multipliedReportingOverflow(by: 10)
      value = overflows ? .max : product.addingReportingOverflow(Int(digit)).overflow ? .max : product + Int(digit)
    }
    guard mayUnderscore, digits <= JSONDialect.python.digits_max else { return nil }
    return isNegative ? -value : value
  }
}
