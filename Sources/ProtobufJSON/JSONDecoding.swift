import JSON

/// The wire to JSON.
struct JSONDecoding {
  let pool: DescriptorPool

  func message(
    _ bytes: ArraySlice<UInt8>, _ type: MessageType, path: String, depth: Int
  ) throws(JSONMappingError) -> JSONValue {
    guard depth <= Limits.nesting_max else {
      throw .malformedMessage(path: path, reason: "nested deeper than \(Limits.nesting_max)")
    }
    let occurrences = try collect(bytes, type, path: path)
    if let known = WellKnownType(type.name) {
      return try wellKnown(known, occurrences, type, path: path, depth: depth)
    }
    return .object(try members(occurrences, type, path: path, depth: depth))
  }

  /// The known fields' values by number. Of a oneof, only the member that came last.
  typealias Occurrences = [Int: [WireReader.Value]]

  private func collect(
    _ bytes: ArraySlice<UInt8>, _ type: MessageType, path: String
  ) throws(JSONMappingError) -> Occurrences {
    var values: Occurrences = [:]
    var members: [Int: Int] = [:]
    var reader = WireReader(bytes)
    do {
      while let (number, value) = try reader.next() {
        guard let field = type.fieldsByNumber[number], Self.fits(value, field) else { continue }
        if let oneof = field.oneofIndex, let before = members.updateValue(number, forKey: oneof), before != number {
          values[before] = nil
        }
        values[number, default: []].append(value)
      }
    } catch {
      throw .malformedMessage(path: path, reason: "not the wire form of \(type.name)")
    }
    return values
  }

  private static func fits(_ value: WireReader.Value, _ field: FieldType) -> Bool {
    switch value {
    case .varint: [.int32, .int64, .uint32, .uint64, .sint32, .sint64, .bool, .enum].contains(field.kind)
    case .fixed64: [.double, .fixed64, .sfixed64].contains(field.kind)
    case .fixed32: [.float, .fixed32, .sfixed32].contains(field.kind)
    case .bytes: [.string, .bytes, .message].contains(field.kind) || (field.isRepeated && field.kind.isPackable)
    }
  }

  func members(
    _ occurrences: Occurrences, _ type: MessageType, path: String, depth: Int
  ) throws(JSONMappingError) -> [JSONValue.Member] {
    var members: [JSONValue.Member] = []
    for field in type.fields {
      guard let values = occurrences[field.number] else { continue }
      let path = JSONEncoding.joined(path, field.jsonName)
      guard let value = try json(values, field, path: path, depth: depth) else { continue }
      members.append(JSONValue.Member(field.jsonName, value))
    }
    return members
  }

  /// Nil for a default value that needs no mention.
  func json(
    _ values: [WireReader.Value], _ field: FieldType, path: String, depth: Int
  ) throws(JSONMappingError) -> JSONValue? {
    if field.isRepeated {
      if field.kind == .message, let entry = pool.messages[field.typeName], entry.isMapEntry {
        return try map(values, entry, path: path, depth: depth)
      }
      let elements = try unpacked(values, field, path: path)
      var list: [JSONValue] = []
      for (index, element) in elements.enumerated() {
        list.append(try single(element, field, path: "\(path)[\(index)]", depth: depth))
      }
      return list.isEmpty ? nil : .array(list)
    }
    guard let last = values.last else { return nil }
    if field.kind == .message {
      // Several occurrences of a message are one: the parts follow each other on the wire.
      let parts = values.compactMap { if case .bytes(let bytes) = $0 { bytes } else { nil } }
      let whole = parts.count == 1 ? parts[0] : ArraySlice(parts.joined())
      return try single(.bytes(whole), field, path: path, depth: depth)
    }
    if !field.hasPresence, Self.isDefault(last) { return nil }
    return try single(last, field, path: path, depth: depth)
  }

  private static func isDefault(_ value: WireReader.Value) -> Bool {
    switch value {
    case .varint(let number), .fixed64(let number): number == 0
    case .fixed32(let number): number == 0
    case .bytes(let bytes): bytes.isEmpty
    }
  }

  private func map(
    _ values: [WireReader.Value], _ entry: MessageType, path: String, depth: Int
  ) throws(JSONMappingError) -> JSONValue? {
    guard let keyField = entry.fieldsByNumber[1], let valueField = entry.fieldsByNumber[2] else { return nil }
    var members: [JSONValue.Member] = []
    var positions: [String: Int] = [:]
    for case .bytes(let bytes) in values {
      let parts = try collect(bytes, entry, path: path)
      let key = try single(parts[1]?.last ?? Self.zero(keyField), keyField, path: path, depth: depth)
      let name =
        switch key {
        case .string(let text), .number(let text): text
        case .bool(let truth): String(truth)
        default: ""
        }
      let content = parts[2]?.last ?? Self.zero(valueField)
      let value = try single(content, valueField, path: "\(path)[\"\(name)\"]", depth: depth)
      if let position = positions[name] {
        members[position].value = value
      } else {
        positions[name] = members.count
        members.append(JSONValue.Member(name, value))
      }
    }
    return members.isEmpty ? nil : .object(members.sorted { $0.key < $1.key })
  }

  static func zero(_ field: FieldType) -> WireReader.Value {
    switch field.kind {
    case .string, .bytes, .message, .group: .bytes([])
    case .double, .fixed64, .sfixed64: .fixed64(0)
    case .float, .fixed32, .sfixed32: .fixed32(0)
    default: .varint(0)
    }
  }

  /// Packed and unpacked elements, in order.
  private func unpacked(
    _ values: [WireReader.Value], _ field: FieldType, path: String
  ) throws(JSONMappingError) -> [WireReader.Value] {
    guard field.kind.isPackable else { return values }
    var elements: [WireReader.Value] = []
    for value in values {
      guard case .bytes(let bytes) = value else {
        elements.append(value)
        continue
      }
      var reader = WireReader(bytes)
      do {
        while !reader.isAtEnd {
          switch Self.zero(field) {
          case .fixed64: elements.append(.fixed64(try reader.fixed64()))
          case .fixed32: elements.append(.fixed32(try reader.fixed32()))
          default: elements.append(.varint(try reader.varint()))
          }
        }
      } catch {
        throw .malformedMessage(path: path, reason: "packed elements are cut short")
      }
    }
    return elements
  }

  private func single(
    _ value: WireReader.Value, _ field: FieldType, path: String, depth: Int
  ) throws(JSONMappingError) -> JSONValue {
    switch value {
    case .varint(let number): varint(number, field)
    case .fixed64(let bits):
      switch field.kind {
      case .double: ScalarMapping.json(Double(bitPattern: bits))
      case .sfixed64: .string(String(Int64(bitPattern: bits)))
      default: .string(String(bits))
      }
    case .fixed32(let bits):
      switch field.kind {
      case .float: ScalarMapping.json(Float(bitPattern: bits))
      case .sfixed32: .number(String(Int32(bitPattern: bits)))
      default: .number(String(bits))
      }
    case .bytes(let bytes):
      switch field.kind {
      case .message: try message(bytes, pool.message(named: field.typeName), path: path, depth: depth + 1)
      case .string: .string(try text(bytes, path: path))
      default: .string(ScalarMapping.base64(bytes))
      }
    }
  }

  private func varint(_ number: UInt64, _ field: FieldType) -> JSONValue {
    switch field.kind {
    case .bool: .bool(number != 0)
    case .int32: .number(String(Int32(truncatingIfNeeded: number)))
    case .uint32: .number(String(UInt32(truncatingIfNeeded: number)))
    case .int64: .string(String(Int64(bitPattern: number)))
    case .sint32:
      .number(String(Int32(truncatingIfNeeded: number >> 1) ^ -Int32(truncatingIfNeeded: number & 1)))
    case .sint64: .string(String(Int64(bitPattern: number >> 1) ^ -Int64(number & 1)))
    case .enum: enumeration(Int32(truncatingIfNeeded: number), field)
    default: .string(String(number))
    }
  }

  private func enumeration(_ number: Int32, _ field: FieldType) -> JSONValue {
    if field.typeName == "google.protobuf.NullValue" { return .null }
    return pool.enums[field.typeName]?.names[number].map { .string($0) } ?? .number(String(number))
  }

  func text(_ bytes: ArraySlice<UInt8>, path: String) throws(JSONMappingError) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .malformedMessage(path: path, reason: "a string is not UTF-8")
    }
    return text
  }
}
