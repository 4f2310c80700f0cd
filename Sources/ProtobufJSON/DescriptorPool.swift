import JSON

/// The message types and services of a `google.protobuf.FileDescriptorSet`, for calls whose types are not known at
/// compile time.
package struct DescriptorPool: Sendable {
  /// Every method, in the order of the files.
  package let methods: [DynamicMethod]
  let messages: [String: MessageType]
  let enums: [String: EnumType]

  /// Of several files of one name (reflection may send them again) all are read; equal types replace each other.
  package init(fileDescriptorSet: [UInt8]) throws(JSONMappingError) {
    guard fileDescriptorSet.count <= Limits.descriptorSet_bytes_max else { throw .malformedDescriptors }
    var parser = DescriptorParser()
    do {
      try parser.parse(set: fileDescriptorSet[...])
    } catch {
      throw .malformedDescriptors
    }
    methods = parser.methods
    messages = parser.messages
    enums = parser.enums
  }

  /// From the files that a server's reflection returned, each a serialized `FileDescriptorProto`.
  package init(files: [[UInt8]]) throws(JSONMappingError) {
    var set = WireWriter()
    for file in files { set.field(1, file) }
    try self.init(fileDescriptorSet: set.bytes)
  }

  /// The full names of the services, sorted.
  package var services: [String] {
    Set(methods.map(\.service)).sorted()
  }

  /// Finds `package.Service/Method`, `/package.Service/Method`, `package.Service.Method`, `Service/Method`, or `Method`
  /// alone. A short name must be one method's only.
  package func method(named name: String) throws(JSONMappingError) -> DynamicMethod {
    let wanted = name.hasPrefix("/") ? String(name.dropFirst()) : name
    if let exact = methods.first(where: { "\($0.service)/\($0.name)" == wanted || "\($0.service).\($0.name)" == wanted }
    ) {
      return exact
    }
    let candidates = methods.filter { method in
      method.name == wanted || "\(method.service)/\(method.name)".hasSuffix(".\(wanted)")
    }
    switch candidates.count {
    case 1: return candidates[0]
    case 0: throw .unknownMethod(name, known: methods.map { "\($0.service)/\($0.name)" })
    default: throw .ambiguousMethod(name, candidates: candidates.map { "\($0.service)/\($0.name)" })
    }
  }

  /// The wire form of a JSON object, by the canonical mapping (https://protobuf.dev/programming-guides/json/). Unknown
  /// fields are errors. Empty text counts as `{}`.
  package func encodeJSON(_ text: String, as messageName: String) throws(JSONMappingError) -> [UInt8] {
    let type = try message(named: messageName)
    let isBlank = text.utf8.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
    let value = isBlank ? JSONValue.object([]) : try Self.parsed(text)
    return try JSONEncoding(pool: self).message(value, type, path: "", depth: 0)
  }

  /// One line of JSON by the canonical mapping; fields in the order of their numbers, those with default values left out.
  package func decodeToJSON(_ bytes: [UInt8], as messageName: String) throws(JSONMappingError) -> String {
    var output = ""
    let type = try message(named: messageName)
    JSONPrinter.print(try JSONDecoding(pool: self).message(bytes[...], type, path: "", depth: 0), into: &output)
    return output
  }

  private static func parsed(_ text: String) throws(JSONMappingError) -> JSONValue {
    do throws(JSONError) {
      return try JSONValue(parsing: text, as: .protobuf)
    } catch {
      throw .malformedJSON(offset: error.offset, reason: error.reason)
    }
  }

  func message(named name: String) throws(JSONMappingError) -> MessageType {
    guard let type = messages[name] else { throw .unknownType(name) }
    return type
  }
}
