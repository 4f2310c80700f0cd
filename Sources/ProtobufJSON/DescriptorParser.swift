/// Reads `google.protobuf.FileDescriptorSet` (field numbers: google/protobuf/descriptor.proto).
struct DescriptorParser {
  private(set) var methods: [DynamicMethod] = []
  private(set) var messages: [String: MessageType] = [:]
  private(set) var enums: [String: EnumType] = [:]

  mutating func parse(set: ArraySlice<UInt8>) throws(WireReader.Malformed) {
    for file in try Fields(set).all(1) { try parse(file: file) }
  }

  private mutating func parse(file bytes: ArraySlice<UInt8>) throws(WireReader.Malformed) {
    let file = try Fields(bytes)
    let package = file.string(2)
    let isProto3 = file.string(12) == "proto3"
    for message in file.all(4) { try parse(message: message, scope: package, isProto3: isProto3, depth: 0) }
    for enumeration in file.all(5) { try parse(enum: enumeration, scope: package) }
    for service in file.all(6) {
      let service = try Fields(service)
      let name = Self.joined(package, service.string(1))
      methods.removeAll { $0.service == name }
      for method in service.all(2) {
        let method = try Fields(method)
        methods.append(
          DynamicMethod(
            service: name, name: method.string(1), inputType: Self.undotted(method.string(2)),
            outputType: Self.undotted(method.string(3)), clientStreaming: method.number(5) != 0,
            serverStreaming: method.number(6) != 0))
      }
    }
  }

  private mutating func parse(
    message bytes: ArraySlice<UInt8>, scope: String, isProto3: Bool, depth: Int
  ) throws(WireReader.Malformed) {
    guard depth < Limits.nesting_max else { throw WireReader.Malformed() }
    let message = try Fields(bytes)
    let name = Self.joined(scope, message.string(1))
    var fields: [FieldType] = []
    for field in message.all(2) { fields.append(try parse(field: field, isProto3: isProto3)) }
    let options = try Fields(message.all(7).last ?? [])
    messages[name] = MessageType(name: name, fields: fields, isMapEntry: options.number(7) != 0)
    for nested in message.all(3) { try parse(message: nested, scope: name, isProto3: isProto3, depth: depth + 1) }
    for enumeration in message.all(4) { try parse(enum: enumeration, scope: name) }
  }

  private func parse(field bytes: ArraySlice<UInt8>, isProto3: Bool) throws(WireReader.Malformed) -> FieldType {
    let field = try Fields(bytes)
    guard let kind = FieldType.Kind(rawValue: Int(truncatingIfNeeded: field.number(5))) else {
      throw WireReader.Malformed()
    }
    let options = try Fields(field.all(8).last ?? [])
    let isRepeated = field.number(4) == 3
    let oneofIndex = field.has(9) ? Int(truncatingIfNeeded: field.number(9)) : nil
    let name = field.string(1)
    return FieldType(
      name: name, jsonName: field.has(10) ? field.string(10) : CaseMapping.lowerCamel(name),
      number: Int(truncatingIfNeeded: field.number(3)), kind: kind, isRepeated: isRepeated,
      typeName: Self.undotted(field.string(6)), oneofIndex: oneofIndex,
      hasPresence: !isRepeated && (oneofIndex != nil || kind == .message || !isProto3),
      isPacked: isRepeated && kind.isPackable && (options.has(2) ? options.number(2) != 0 : isProto3))
  }

  private mutating func parse(enum bytes: ArraySlice<UInt8>, scope: String) throws(WireReader.Malformed) {
    let enumeration = try Fields(bytes)
    let name = Self.joined(scope, enumeration.string(1))
    var names: [Int32: String] = [:]
    var numbers: [String: Int32] = [:]
    for value in enumeration.all(2) {
      let value = try Fields(value)
      let number = Int32(truncatingIfNeeded: value.number(2))
      names[number] = names[number] ?? value.string(1)
      numbers[value.string(1)] = number
    }
    enums[name] = EnumType(name: name, names: names, numbers: numbers)
  }

  private static func joined(_ scope: String, _ name: String) -> String {
    scope.isEmpty ? name : "\(scope).\(name)"
  }

  private static func undotted(_ name: String) -> String {
    name.hasPrefix(".") ? String(name.dropFirst()) : name
  }

  /// The fields of one descriptor by number.
  private struct Fields {
    private var values: [Int: [WireReader.Value]] = [:]

    init(_ bytes: ArraySlice<UInt8>) throws(WireReader.Malformed) {
      var reader = WireReader(bytes)
      while let (number, value) = try reader.next() { values[number, default: []].append(value) }
    }

    func has(_ number: Int) -> Bool { values[number] != nil }

    func all(_ number: Int) -> [ArraySlice<UInt8>] {
      (values[number] ?? []).compactMap { if case .bytes(let bytes) = $0 { bytes } else { nil } }
    }

    func string(_ number: Int) -> String {
      String(decoding: all(number).last ?? [], as: UTF8.self)
    }

    func number(_ number: Int) -> UInt64 {
      if case .varint(let value)? = values[number]?.last { value } else { 0 }
    }
  }
}
