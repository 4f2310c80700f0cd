import JSON

/// JSON to the wire.
struct JSONEncoding {
  let pool: DescriptorPool

  func message(
    _ value: JSONValue, _ type: MessageType, path: String, depth: Int
  ) throws(JSONMappingError) -> [UInt8] {
    guard depth <= Limits.nesting_max else {
      throw .field(path: path, reason: "nested deeper than \(Limits.nesting_max)")
    }
    if let known = WellKnownType(type.name) {
      return try wellKnown(known, value, type, path: path, depth: depth)
    }
    guard case .object(let members) = value else {
      throw .field(path: path, reason: "expected an object for \(type.name), not \(value.kind)")
    }
    return try fields(members, type, path: path, depth: depth)
  }

  private func fields(
    _ members: [JSONValue.Member], _ type: MessageType, path: String, depth: Int
  ) throws(JSONMappingError) -> [UInt8] {
    var writer = WireWriter()
    var seen: Set<Int> = []
    var oneofs: [Int: String] = [:]
    for member in members {
      let (key, value) = (member.key, member.value)
      let path = Self.joined(path, key)
      guard let field = type.fieldsByName[key] else {
        throw .field(path: path, reason: "no such field in \(type.name)")
      }
      guard seen.insert(field.number).inserted else { throw .field(path: path, reason: "given twice") }
      let isNullValue = field.typeName == "google.protobuf.Value" || field.typeName == "google.protobuf.NullValue"
      if value == .null, !isNullValue || field.isRepeated { continue }
      if let oneof = field.oneofIndex, let other = oneofs.updateValue(key, forKey: oneof) {
        throw .field(path: path, reason: "only one of \(other) and \(key) may be given")
      }
      try encode(value, field, path: path, depth: depth, into: &writer)
    }
    return writer.bytes
  }

  func encode(
    _ value: JSONValue, _ field: FieldType, path: String, depth: Int, into writer: inout WireWriter
  ) throws(JSONMappingError) {
    guard field.isRepeated else {
      return try encodeSingle(value, field, path: path, depth: depth, isAlwaysWritten: field.hasPresence, into: &writer)
    }
    if field.kind == .message, let entry = pool.messages[field.typeName], entry.isMapEntry {
      return try encodeMap(value, field, entry, path: path, depth: depth, into: &writer)
    }
    guard case .array(let values) = value else {
      throw .field(path: path, reason: "expected an array, not \(value.kind)")
    }
    var packed = WireWriter()
    for (index, value) in values.enumerated() {
      let path = "\(path)[\(index)]"
      if value == .null, field.typeName != "google.protobuf.Value" {
        throw .field(path: path, reason: "null cannot be an element")
      }
      if field.isPacked {
        try encodeContent(value, field, path: path, depth: depth, into: &packed)
      } else {
        try encodeSingle(value, field, path: path, depth: depth, isAlwaysWritten: true, into: &writer)
      }
    }
    if !packed.bytes.isEmpty { writer.field(field.number, packed.bytes) }
  }

  private func encodeMap(
    _ value: JSONValue, _ field: FieldType, _ entry: MessageType, path: String, depth: Int,
    into writer: inout WireWriter
  ) throws(JSONMappingError) {
    guard case .object(let members) = value, let key = entry.fieldsByNumber[1], let content = entry.fieldsByNumber[2]
    else { throw .field(path: path, reason: "expected an object, not \(value.kind)") }
    for member in members {
      let path = "\(path)[\"\(member.key)\"]"
      var pair = WireWriter()
      let keyValue: JSONValue =
        key.kind == .bool && ["true", "false"].contains(member.key) ? .bool(member.key == "true") : .string(member.key)
      try encodeSingle(keyValue, key, path: path, depth: depth, isAlwaysWritten: true, into: &pair)
      if member.value == .null, content.typeName != "google.protobuf.Value" {
        throw .field(path: path, reason: "null cannot be a value")
      }
      try encodeSingle(member.value, content, path: path, depth: depth, isAlwaysWritten: true, into: &pair)
      writer.field(field.number, pair.bytes)
    }
  }

  private func encodeSingle(
    _ value: JSONValue, _ field: FieldType, path: String, depth: Int, isAlwaysWritten: Bool,
    into writer: inout WireWriter
  ) throws(JSONMappingError) {
    var content = WireWriter()
    try encodeContent(value, field, path: path, depth: depth, into: &content)
    let bytes = content.bytes
    switch field.kind {
    case .string, .bytes, .message, .group:
      if isAlwaysWritten || !bytes.isEmpty { writer.field(field.number, bytes) }
    default:
      guard isAlwaysWritten || bytes.contains(where: { $0 != 0 }) else { return }
      let isFixed64 = [.double, .fixed64, .sfixed64].contains(field.kind)
      let isFixed32 = [.float, .fixed32, .sfixed32].contains(field.kind)
      writer.tag(field.number, wireType: isFixed64 ? 1 : isFixed32 ? 5 : 0)
      writer.append(bytes)
    }
  }

  /// The value without its tag (and without the length of strings, bytes and messages).
  private func encodeContent(
    _ value: JSONValue, _ field: FieldType, path: String, depth: Int, into writer: inout WireWriter
  ) throws(JSONMappingError) {
    func wrong(_ expected: String) -> JSONMappingError {
      .field(path: path, reason: "expected \(expected), not \(Self.shown(value))")
    }
    func signed(_ range: ClosedRange<Int64>) throws(JSONMappingError) -> Int64 {
      guard let number = ScalarMapping.signed(value, range) else { throw wrong("an integer \(range)") }
      return number
    }
    func unsigned(max: UInt64) throws(JSONMappingError) -> UInt64 {
      guard let number = ScalarMapping.unsigned(value, max: max) else { throw wrong("an integer 0...\(max)") }
      return number
    }
    let int32 = Int64(Int32.min)...Int64(Int32.max)
    let int64 = Int64.min...Int64.max
    switch field.kind {
    case .double:
      guard let number = ScalarMapping.double(value) else { throw wrong("a number") }
      writer.fixed64(number.bitPattern)
    case .float:
      guard let number = ScalarMapping.double(value), Float(number).isFinite == number.isFinite else {
        throw wrong("a number of 32 bits")
      }
      writer.fixed32(Float(number).bitPattern)
    case .int32: writer.varint(UInt64(bitPattern: try signed(int32)))
    case .int64: writer.varint(UInt64(bitPattern: try signed(int64)))
    case .uint32: writer.varint(try unsigned(max: UInt64(UInt32.max)))
    case .uint64: writer.varint(try unsigned(max: .max))
    case .sint32: writer.varint(Self.zigzag(try signed(int32)))
    case .sint64: writer.varint(Self.zigzag(try signed(int64)))
    case .fixed32: writer.fixed32(UInt32(try unsigned(max: UInt64(UInt32.max))))
    case .fixed64: writer.fixed64(try unsigned(max: .max))
    case .sfixed32: writer.fixed32(UInt32(bitPattern: Int32(try signed(int32))))
    case .sfixed64: writer.fixed64(UInt64(bitPattern: try signed(int64)))
    case .bool:
      guard case .bool(let truth) = value else { throw wrong("true or false") }
      writer.varint(truth ? 1 : 0)
    case .enum:
      writer.varint(UInt64(bitPattern: Int64(try enumeration(value, field, path: path))))
    case .string:
      guard case .string(let text) = value else { throw wrong("a string") }
      writer.append(Array(text.utf8))
    case .bytes:
      guard case .string(let text) = value, let bytes = ScalarMapping.bytes(base64: text) else { throw wrong("base64") }
      writer.append(bytes)
    case .message:
      let type = try pool.message(named: field.typeName)
      writer.append(try message(value, type, path: path, depth: depth + 1))
    case .group:
      throw .field(path: path, reason: "groups are not supported")
    }
  }

  private func enumeration(_ value: JSONValue, _ field: FieldType, path: String) throws(JSONMappingError) -> Int32 {
    if field.typeName == "google.protobuf.NullValue", value == .null { return 0 }
    guard let type = pool.enums[field.typeName] else { throw .unknownType(field.typeName) }
    if case .string(let name) = value, let number = type.numbers[name] { return number }
    if case .number = value, let number = ScalarMapping.signed(value, Int64(Int32.min)...Int64(Int32.max)) {
      return Int32(number)
    }
    let names = type.names.sorted { $0.key < $1.key }.map(\.value).joined(separator: ", ")
    throw .field(path: path, reason: "expected one of \(names), not \(Self.shown(value))")
  }

  private static func zigzag(_ value: Int64) -> UInt64 {
    UInt64(bitPattern: value << 1 ^ value >> 63)
  }

  static func joined(_ path: String, _ key: String) -> String {
    path.isEmpty ? key : "\(path).\(key)"
  }

  static func shown(_ value: JSONValue) -> String {
    switch value {
    case .number(let text): text
    case .string(let text) where text.count <= 40: "\"\(text)\""
    default: value.kind
    }
  }
}
