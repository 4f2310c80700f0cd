/// Custom metadata of a call: an ordered multi-map of lower-case names.
///
/// Names ending in `-bin` carry bytes, all others printable ASCII (PROTOCOL-HTTP2.md, "Custom-Metadata"). Names the
/// protocol needs itself (`grpc-…`, `:…`, `content-type`, `te`, …) are refused by `append`.
package struct Metadata: Sendable, Equatable {
  package enum Content: Sendable, Equatable {
    case text(String)
    case bytes([UInt8])
  }

  package struct Entry: Sendable, Equatable {
    package let name: String
    package let value: Content
  }

  package private(set) var entries: [Entry] = []

  package init() {}

  package var isEmpty: Bool { entries.isEmpty }

  /// Adds a value. Returns false, and changes nothing, for a name or value that cannot be sent: a reserved or
  /// malformed name, a `-bin` name (use the other overload), or a value with other than printable ASCII.
  @discardableResult
  package mutating func append(_ name: String, _ value: String) -> Bool {
    let name = name.lowercased()
    guard MetadataName.isAllowed(name), !MetadataName.isBinary(name), MetadataName.isValue(value) else { return false }
    entries.append(Entry(name: name, value: .text(value)))
    return true
  }

  /// Adds a binary value; the name must end in `-bin`. Returns false, and changes nothing, for any other name.
  @discardableResult
  package mutating func append(_ name: String, _ value: [UInt8]) -> Bool {
    let name = name.lowercased()
    guard MetadataName.isAllowed(name), MetadataName.isBinary(name) else { return false }
    entries.append(Entry(name: name, value: .bytes(value)))
    return true
  }

  /// Replaces all values of that name by one.
  @discardableResult
  package mutating func set(_ name: String, _ value: String) -> Bool {
    remove(name)
    return append(name, value)
  }

  package mutating func remove(_ name: String) {
    let name = name.lowercased()
    entries.removeAll { $0.name == name }
  }

  package mutating func append(contentsOf other: Metadata) {
    entries.append(contentsOf: other.entries)
  }

  /// The first text value of that name.
  package subscript(name: String) -> String? {
    for entry in entries where entry.name == name {
      if case .text(let text) = entry.value { return text }
    }
    return nil
  }

  /// All text values of that name, in the order received.
  package func values(_ name: String) -> [String] {
    entries.compactMap { entry in
      guard entry.name == name, case .text(let text) = entry.value else { return nil }
      return text
    }
  }

  /// All binary values of that name, in the order received.
  package func binaryValues(_ name: String) -> [[UInt8]] {
    entries.compactMap { entry in
      guard entry.name == name, case .bytes(let bytes) = entry.value else { return nil }
      return bytes
    }
  }

  /// Adds a field received from a peer. Ignores what is not custom metadata, and binary values that are not base64;
  /// splits binary values at commas.
  mutating func receive(name: String, value: some Collection<UInt8>) {
    guard MetadataName.isAllowed(name) else { return }
    guard MetadataName.isBinary(name) else {
      entries.append(Entry(name: name, value: .text(String(decoding: value, as: UTF8.self))))
      return
    }
    for part in value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
      guard let bytes = BinaryMetadataCoding.decode(part) else { continue }
      entries.append(Entry(name: name, value: .bytes(bytes)))
    }
  }
}

extension Metadata: ExpressibleByDictionaryLiteral {
  /// Values that cannot be sent are left out, as by `append`.
  package init(dictionaryLiteral elements: (String, String)...) {
    self.init()
    for (name, value) in elements { append(name, value) }
  }
}
