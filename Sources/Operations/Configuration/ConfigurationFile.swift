import Foundation

/// A JSON configuration file, flattened: `{"chips": {"max": 3}}` and `{"chips.max": 3}` both set `chips.max`.
struct ConfigurationFile: Sendable, Equatable {
  let path: String
  let values: [String: String]

  /// Reads the file, so it is for start-up, not for an event loop.
  init(path: String) throws(ConfigurationError) {
    let data: Data
    do {
      let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
      defer { try? file.close() }
      data = try file.read(upToCount: Limits.configurationFileBytes + 1) ?? Data()
    } catch {
      let exists = FileManager.default.fileExists(atPath: path)
      throw ConfigurationError("configuration file \(path): it \(exists ? "cannot be read" : "does not exist")")
    }
    guard data.count <= Limits.configurationFileBytes else {
      throw ConfigurationError("configuration file \(path): it is larger than \(Limits.configurationFileBytes) bytes")
    }
    try self.init(path: path, json: data)
  }

  init(path: String, json: Data) throws(ConfigurationError) {
    self.path = path
    let document: JSONValue
    do {
      document = try JSONDecoder().decode(JSONValue.self, from: json)
    } catch {
      throw ConfigurationError("configuration file \(path): it is not JSON: \(Self.reason(error))")
    }
    guard case .object = document else {
      throw ConfigurationError("configuration file \(path): it is not a JSON object")
    }
    var values: [String: String] = [:]
    do {
      try document.flatten(name: "", into: &values)
    } catch {
      throw ConfigurationError("configuration file \(path): \(error.problem)")
    }
    self.values = values
  }

  private static func reason(_ error: any Error) -> String {
    guard case .dataCorrupted(let context) = error as? DecodingError else { return "\(error)" }
    let underlying = context.underlyingError as NSError?
    return underlying?.userInfo[NSDebugDescriptionErrorKey] as? String ?? context.debugDescription
  }
}

private enum JSONValue: Decodable {
  case null
  case boolean(Bool)
  case integer(Int64)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .boolean(value)
    } else if let value = try? container.decode(Int64.self) {
      self = .integer(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([JSONValue].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }

  private var scalarText: String? {
    switch self {
    case .boolean(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .number(let value): "\(value)"
    case .string(let value): value
    case .null, .array, .object: nil
    }
  }

  func flatten(name: String, into values: inout [String: String]) throws(InvalidValue) {
    let text: String
    switch self {
    case .object(let members):
      for (member, value) in members.sorted(by: { $0.key < $1.key }) {
        try value.flatten(name: name.isEmpty ? member : "\(name).\(member)", into: &values)
      }
      return
    case .array(let elements):
      let texts = elements.compactMap(\.scalarText)
      guard texts.count == elements.count, !texts.contains(where: { $0.contains(",") }) else {
        throw InvalidValue("key \(name): a list may hold texts without commas only")
      }
      text = texts.joined(separator: ",")
    default:
      guard let scalar = scalarText else { throw InvalidValue("key \(name): it is null; leave it out instead") }
      text = scalar
    }
    guard values.updateValue(text, forKey: name) == nil else {
      throw InvalidValue("key \(name): it is set twice")
    }
  }
}
