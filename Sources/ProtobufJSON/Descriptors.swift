/// A message type of a descriptor set.
struct MessageType: Sendable {
  let name: String
  let fields: [FieldType]
  let isMapEntry: Bool
  let fieldsByNumber: [Int: FieldType]
  /// By lowerCamelCase JSON name and by the name in the proto; both are accepted.
  let fieldsByName: [String: FieldType]

  init(name: String, fields: [FieldType], isMapEntry: Bool) {
    self.name = name
    self.fields = fields.sorted { $0.number < $1.number }
    self.isMapEntry = isMapEntry
    fieldsByNumber = Dictionary(fields.map { ($0.number, $0) }) { $1 }
    fieldsByName = Dictionary(fields.flatMap { [($0.jsonName, $0), ($0.name, $0)] }) { first, _ in first }
  }
}

struct FieldType: Sendable {
  /// The numbers of `google.protobuf.FieldDescriptorProto.Type`.
  enum Kind: Int, Sendable {
    case double = 1, float, int64, uint64, int32, fixed64, fixed32, bool, string, group, message, bytes, uint32, `enum`,
      sfixed32, sfixed64, sint32, sint64

    var isPackable: Bool { ![.string, .group, .message, .bytes].contains(self) }
  }

  let name: String
  let jsonName: String
  let number: Int
  let kind: Kind
  let isRepeated: Bool
  /// Of a message or an enum, without the leading dot.
  let typeName: String
  let oneofIndex: Int?
  /// True when being set to zero differs from not being set: members of a oneof, messages, proto2 and `optional` fields.
  let hasPresence: Bool
  let isPacked: Bool
}

struct EnumType: Sendable {
  let name: String
  let names: [Int32: String]
  let numbers: [String: Int32]
}

/// A method of a service.
package struct DynamicMethod: Sendable, Equatable {
  /// Full name, as `lifeecho.conversation.v1.ConversationService`.
  package let service: String
  package let name: String
  package let inputType: String
  package let outputType: String
  package let clientStreaming: Bool
  package let serverStreaming: Bool

  /// As in HTTP/2: `/service/name`.
  package var path: String { "/\(service)/\(name)" }
}
