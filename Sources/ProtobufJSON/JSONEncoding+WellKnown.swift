import JSON

extension JSONEncoding {
  func wellKnown(
    _ known: WellKnownType, _ value: JSONValue, _ type: MessageType, path: String, depth: Int
  ) throws(JSONMappingError) -> [UInt8] {
    switch known {
    case .timestamp:
      guard case .string(let text) = value, let (seconds, nanos) = TimeMapping.timestamp(text) else {
        throw .field(path: path, reason: "expected a time as 2026-01-31T12:00:00Z, not \(Self.shown(value))")
      }
      return Self.time(seconds, nanos)
    case .duration:
      guard case .string(let text) = value, let (seconds, nanos) = TimeMapping.duration(text) else {
        throw .field(path: path, reason: "expected a duration as 1.5s, not \(Self.shown(value))")
      }
      return Self.time(seconds, nanos)
    case .fieldMask:
      guard case .string(let text) = value else { throw .field(path: path, reason: "expected field paths in a string") }
      var writer = WireWriter()
      for part in text.split(separator: ",") { writer.field(1, Array(CaseMapping.snake(String(part)).utf8)) }
      return writer.bytes
    case .wrapper:
      guard value != .null else { throw .field(path: path, reason: "null cannot be an element") }
      return try content(value, type, field: 1, path: path, depth: depth)
    case .any:
      return try any(value, path: path, depth: depth)
    case .value:
      return try dynamicValue(value, path: path, depth: depth)
    case .object:
      guard case .object = value else { throw .field(path: path, reason: "expected an object, not \(value.kind)") }
      return try content(value, type, field: 1, path: path, depth: depth)
    case .list:
      guard case .array = value else { throw .field(path: path, reason: "expected an array, not \(value.kind)") }
      return try content(value, type, field: 1, path: path, depth: depth)
    }
  }

  private static func time(_ seconds: Int64, _ nanos: Int64) -> [UInt8] {
    var writer = WireWriter()
    for (number, value) in [(1, seconds), (2, nanos)] where value != 0 {
      writer.tag(number, wireType: 0)
      writer.varint(UInt64(bitPattern: value))
    }
    return writer.bytes
  }

  /// A message of one field.
  private func content(
    _ value: JSONValue, _ type: MessageType, field number: Int, path: String, depth: Int
  ) throws(JSONMappingError) -> [UInt8] {
    guard let field = type.fieldsByNumber[number] else { throw .unknownType(type.name) }
    var writer = WireWriter()
    try encode(value, field, path: path, depth: depth, into: &writer)
    return writer.bytes
  }

  private func dynamicValue(_ value: JSONValue, path: String, depth: Int) throws(JSONMappingError) -> [UInt8] {
    let type = try pool.message(named: "google.protobuf.Value")
    let number =
      switch value {
      case .null: 1
      case .number: 2
      case .string: 3
      case .bool: 4
      case .object: 5
      case .array: 6
      }
    return try content(value, type, field: number, path: path, depth: depth)
  }

  private func any(_ value: JSONValue, path: String, depth: Int) throws(JSONMappingError) -> [UInt8] {
    guard case .object(var members) = value else {
      throw .field(path: path, reason: "expected an object with @type, not \(value.kind)")
    }
    if members.isEmpty { return [] }
    guard let index = members.firstIndex(where: { $0.key == "@type" }), case .string(let url) = members[index].value
    else {
      throw .field(path: Self.joined(path, "@type"), reason: "the type's URL is missing")
    }
    members.remove(at: index)
    guard let name = url.split(separator: "/").last, url.contains("/"), let type = pool.messages[String(name)] else {
      throw .field(path: Self.joined(path, "@type"), reason: "no message type \(url) in the descriptors")
    }
    let content: JSONValue
    if WellKnownType(type.name) != nil {
      guard members.count == 1, members[0].key == "value" else {
        throw .field(path: path, reason: "\(type.name) in an Any has the one field \"value\"")
      }
      content = members[0].value
    } else {
      content = .object(members)
    }
    let bytes = try message(content, type, path: path, depth: depth + 1)
    var writer = WireWriter()
    writer.field(1, Array(url.utf8))
    if !bytes.isEmpty { writer.field(2, bytes) }
    return writer.bytes
  }
}
