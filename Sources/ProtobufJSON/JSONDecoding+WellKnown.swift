import JSON

extension JSONDecoding {
  func wellKnown(
    _ known: WellKnownType, _ occurrences: Occurrences, _ type: MessageType, path: String, depth: Int
  ) throws(JSONMappingError) -> JSONValue {
    switch known {
    case .timestamp:
      let seconds = Self.integer(occurrences, 1)
      let nanos = Int64(Int32(truncatingIfNeeded: Self.integer(occurrences, 2)))
      guard let text = TimeMapping.text(timestamp: seconds, nanos) else {
        throw .malformedMessage(path: path, reason: "no time within the years 1 to 9999")
      }
      return .string(text)
    case .duration:
      let seconds = Self.integer(occurrences, 1)
      let nanos = Int64(Int32(truncatingIfNeeded: Self.integer(occurrences, 2)))
      guard let text = TimeMapping.text(duration: seconds, nanos) else {
        throw .malformedMessage(path: path, reason: "no duration within 10,000 years")
      }
      return .string(text)
    case .fieldMask:
      var parts: [String] = []
      for case .bytes(let bytes) in occurrences[1] ?? [] {
        parts.append(CaseMapping.lowerCamel(try text(bytes, path: path)))
      }
      return .string(parts.joined(separator: ","))
    case .wrapper:
      guard let field = type.fieldsByNumber[1] else { throw .unknownType(type.name) }
      return try json(occurrences[1] ?? [Self.zero(field)], Self.withPresence(field), path: path, depth: depth) ?? .null
    case .any:
      return try any(occurrences, path: path, depth: depth)
    case .object:
      return try content(occurrences, type, path: path, depth: depth) ?? .object([])
    case .list:
      return try content(occurrences, type, path: path, depth: depth) ?? .array([])
    case .value:
      for field in type.fields {
        guard let values = occurrences[field.number] else { continue }
        return try json(values, field, path: path, depth: depth) ?? .null
      }
      return .null
    }
  }

  private static func integer(_ occurrences: Occurrences, _ number: Int) -> Int64 {
    if case .varint(let value)? = occurrences[number]?.last { Int64(bitPattern: value) } else { 0 }
  }

  private static func withPresence(_ field: FieldType) -> FieldType {
    FieldType(
      name: field.name, jsonName: field.jsonName, number: field.number, kind: field.kind, isRepeated: false,
      typeName: field.typeName, oneofIndex: nil, hasPresence: true, isPacked: false)
  }

  private func content(
    _ occurrences: Occurrences, _ type: MessageType, path: String, depth: Int
  ) throws(JSONMappingError) -> JSONValue? {
    guard let field = type.fieldsByNumber[1], let values = occurrences[1] else { return nil }
    return try json(values, field, path: path, depth: depth)
  }

  /// The message inside when its type is known, else its bytes as base64 in `value`.
  private func any(_ occurrences: Occurrences, path: String, depth: Int) throws(JSONMappingError) -> JSONValue {
    var url = ""
    var bytes: ArraySlice<UInt8> = []
    if case .bytes(let content)? = occurrences[1]?.last { url = try text(content, path: path) }
    if case .bytes(let content)? = occurrences[2]?.last { bytes = content }
    if url.isEmpty, bytes.isEmpty { return .object([]) }
    let name = url.split(separator: "/").last.map(String.init) ?? ""
    guard let type = pool.messages[name] else {
      return .object([.init("@type", .string(url)), .init("value", .string(ScalarMapping.base64(bytes)))])
    }
    let content = try message(bytes, type, path: path, depth: depth + 1)
    if case .object(let members) = content, WellKnownType(name) == nil {
      return .object([.init("@type", .string(url))] + members)
    }
    return .object([.init("@type", .string(url)), .init("value", content)])
  }
}
