/// Why a name, a JSON text or a message could not be used. `description` is one line for people.
package enum JSONMappingError: Error, Equatable, CustomStringConvertible {
  /// The descriptor set is not one.
  case malformedDescriptors
  case unknownMethod(String, known: [String])
  /// A short name that several services have.
  case ambiguousMethod(String, candidates: [String])
  case unknownType(String)
  /// The text is not JSON; `offset` counts UTF-8 bytes from 0.
  case malformedJSON(offset: Int, reason: String)
  /// The JSON does not fit the message. `path` is as in `user.declinedFields[2]`; "" is the whole.
  case field(path: String, reason: String)
  /// The bytes are not a message of that type.
  case malformedMessage(path: String, reason: String)

  package var description: String {
    switch self {
    case .malformedDescriptors: "the descriptor set is malformed"
    case .unknownMethod(let name, let known): "no method \(name); there are: \(known.joined(separator: ", "))"
    case .ambiguousMethod(let name, let candidates): "\(name) may be \(candidates.joined(separator: " or "))"
    case .unknownType(let name): "no message type \(name) in the descriptors"
    case .malformedJSON(let offset, let reason): "not JSON at byte \(offset): \(reason)"
    case .field(let path, let reason): path.isEmpty ? reason : "\(path): \(reason)"
    case .malformedMessage(let path, let reason): path.isEmpty ? reason : "\(path): \(reason)"
    }
  }
}
