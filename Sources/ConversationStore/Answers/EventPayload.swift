import JSON
import PostgreSQL

/// A stored event payload: a JSON object of strings, whole numbers, booleans, arrays and objects, as PostgreSQL prints `jsonb`.
struct EventPayload {
  private let members: [JSONValue.Member]

  init(_ text: String) throws(PostgreSQLError) {
    guard let value = try? JSONValue(parsing: text, as: .standard(nesting_max: Limits.payloadDepth)),
      case .object(let members) = value
    else {
      throw PostgreSQLError(kind: .decoding, message: "a stored event is not the JSON that was expected")
    }
    self.members = members
  }

  private init(members: [JSONValue.Member]) { self.members = members }

  private subscript(name: String) -> JSONValue? { members.first { $0.key == name }?.value }

  func string(_ name: String) throws(PostgreSQLError) -> String {
    guard case .string(let value)? = self[name] else { throw Self.missing(name) }
    return value
  }

  func optionalString(_ name: String) throws(PostgreSQLError) -> String? {
    self[name] == nil ? nil : try string(name)
  }

  func integer(_ name: String) throws(PostgreSQLError) -> Int64 {
    guard let value = self[name].flatMap(Self.integer) else { throw Self.missing(name) }
    return value
  }

  func int(_ name: String) throws(PostgreSQLError) -> Int { Int(try integer(name)) }

  func optionalInteger(_ name: String) throws(PostgreSQLError) -> Int64? {
    self[name] == nil ? nil : try integer(name)
  }

  func integers(_ name: String) throws(PostgreSQLError) -> [Int64] {
    guard case .array(let values)? = self[name] else { throw Self.missing(name) }
    var numbers: [Int64] = []
    for value in values {
      guard let number = Self.integer(value) else { throw Self.missing(name) }
      numbers.append(number)
    }
    return numbers
  }

  func bool(_ name: String) throws(PostgreSQLError) -> Bool {
    guard case .bool(let value)? = self[name] else { throw Self.missing(name) }
    return value
  }

  func optionalObject(_ name: String) throws(PostgreSQLError) -> EventPayload? {
    guard let value = self[name] else { return nil }
    guard case .object(let members) = value else { throw Self.missing(name) }
    return EventPayload(members: members)
  }

  private static func integer(_ value: JSONValue) -> Int64? {
    guard case .number(let digits) = value else { return nil }
    return Int64(digits)
  }

  /// Names a stored value, never shows one.
  private static func missing(_ name: String) -> PostgreSQLError {
    PostgreSQLError(kind: .decoding, message: "a stored event lacks `\(name)`, or has it with another type")
  }
}
