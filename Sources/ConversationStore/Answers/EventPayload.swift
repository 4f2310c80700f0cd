import PostgreSQL

/// A stored event payload: a JSON object of strings, whole numbers, booleans, arrays and objects, as PostgreSQL prints `jsonb`.
struct EventPayload {
  enum Value: Equatable {
    case string(String)
    case integer(Int64)
    case bool(Bool)
    case object([String: Value])
    case array([Value])
    case null
  }

  private let members: [String: Value]

  init(_ text: String) throws(PostgreSQLError) {
    var parser = Parser(text)
    guard case .object(let members) = try parser.value(depth: 0), parser.isAtEnd else { throw Parser.malformed }
    self.members = members
  }

  private init(members: [String: Value]) { self.members = members }

  func string(_ name: String) throws(PostgreSQLError) -> String {
    guard case .string(let value)? = members[name] else { throw Self.missing(name) }
    return value
  }

  func optionalString(_ name: String) throws(PostgreSQLError) -> String? {
    members[name] == nil ? nil : try string(name)
  }

  func integer(_ name: String) throws(PostgreSQLError) -> Int64 {
    guard case .integer(let value)? = members[name] else { throw Self.missing(name) }
    return value
  }

  func int(_ name: String) throws(PostgreSQLError) -> Int { Int(try integer(name)) }

  func optionalInteger(_ name: String) throws(PostgreSQLError) -> Int64? {
    members[name] == nil ? nil : try integer(name)
  }

  func integers(_ name: String) throws(PostgreSQLError) -> [Int64] {
    guard case .array(let values)? = members[name] else { throw Self.missing(name) }
    var numbers: [Int64] = []
    for value in values {
      guard case .integer(let number) = value else { throw Self.missing(name) }
      numbers.append(number)
    }
    return numbers
  }

  func bool(_ name: String) throws(PostgreSQLError) -> Bool {
    guard case .bool(let value)? = members[name] else { throw Self.missing(name) }
    return value
  }

  func optionalObject(_ name: String) throws(PostgreSQLError) -> EventPayload? {
    guard let value = members[name] else { return nil }
    guard case .object(let members) = value else { throw Self.missing(name) }
    return EventPayload(members: members)
  }

  /// Names a stored value, never shows one.
  private static func missing(_ name: String) -> PostgreSQLError {
    PostgreSQLError(kind: .decoding, message: "a stored event lacks `\(name)`, or has it with another type")
  }
}

/// Reads the JSON that PostgreSQL writes; strict, and bounded in depth.
private struct Parser {
  static let malformed = PostgreSQLError(kind: .decoding, message: "a stored event is not the JSON that was expected")

  private let bytes: [UInt8]
  private var position = 0

  init(_ text: String) { bytes = Array(text.utf8) }

  var isAtEnd: Bool { position == bytes.count }

  mutating func value(depth: Int) throws(PostgreSQLError) -> EventPayload.Value {
    guard depth < Limits.payloadDepth else { throw Self.malformed }
    skipSpace()
    switch peek {
    case UInt8(ascii: "{"): return .object(try object(depth: depth))
    case UInt8(ascii: "["): return .array(try array(depth: depth))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"):
      try expect("true")
      return .bool(true)
    case UInt8(ascii: "f"):
      try expect("false")
      return .bool(false)
    case UInt8(ascii: "n"):
      try expect("null")
      return .null
    default: return .integer(try integer())
    }
  }

  private mutating func object(depth: Int) throws(PostgreSQLError) -> [String: EventPayload.Value] {
    var members: [String: EventPayload.Value] = [:]
    position += 1
    skipSpace()
    if peek == UInt8(ascii: "}") {
      position += 1
      return members
    }
    while true {
      skipSpace()
      guard peek == UInt8(ascii: "\"") else { throw Self.malformed }
      let name = try string()
      skipSpace()
      try expect(":")
      members[name] = try value(depth: depth + 1)
      skipSpace()
      guard let byte = peek else { throw Self.malformed }
      position += 1
      if byte == UInt8(ascii: "}") { return members }
      guard byte == UInt8(ascii: ",") else { throw Self.malformed }
    }
  }

  private mutating func array(depth: Int) throws(PostgreSQLError) -> [EventPayload.Value] {
    var values: [EventPayload.Value] = []
    position += 1
    skipSpace()
    if peek == UInt8(ascii: "]") {
      position += 1
      return values
    }
    while true {
      values.append(try value(depth: depth + 1))
      skipSpace()
      guard let byte = peek else { throw Self.malformed }
      position += 1
      if byte == UInt8(ascii: "]") { return values }
      guard byte == UInt8(ascii: ",") else { throw Self.malformed }
    }
  }

  private mutating func string() throws(PostgreSQLError) -> String {
    position += 1
    let start = position
    while let byte = peek, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") { position += 1 }
    if peek == UInt8(ascii: "\"") {
      position += 1
      return String(decoding: bytes[start..<position - 1], as: UTF8.self)
    }
    var text = Array(bytes[start..<position])
    while let byte = peek {
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
      case UInt8(ascii: "\\"): try escape(into: &text)
      default: text.append(byte)
      }
    }
    throw Self.malformed
  }

  private mutating func escape(into text: inout [UInt8]) throws(PostgreSQLError) {
    guard let byte = peek else { throw Self.malformed }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(8)
    case UInt8(ascii: "f"): text.append(12)
    case UInt8(ascii: "n"): text.append(10)
    case UInt8(ascii: "r"): text.append(13)
    case UInt8(ascii: "t"): text.append(9)
    case UInt8(ascii: "u"):
      // PostgreSQL writes only control characters this way; anything else is in UTF-8.
      guard position + 4 <= bytes.count,
        let scalar = UInt32(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
          .flatMap(Unicode.Scalar.init)
      else { throw Self.malformed }
      position += 4
      text.append(contentsOf: String(Character(scalar)).utf8)
    default: throw Self.malformed
    }
  }

  private mutating func integer() throws(PostgreSQLError) -> Int64 {
    let start = position
    while let byte = peek, byte == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
      position += 1
    }
    guard let value = Int64(String(decoding: bytes[start..<position], as: UTF8.self)) else { throw Self.malformed }
    return value
  }

  private mutating func expect(_ word: StaticString) throws(PostgreSQLError) {
    let length = word.utf8CodeUnitCount
    guard position + length <= bytes.count,
      word.withUTF8Buffer({ $0.elementsEqual(bytes[position..<position + length]) })
    else { throw Self.malformed }
    position += length
  }

  private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = peek, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
  }
}
