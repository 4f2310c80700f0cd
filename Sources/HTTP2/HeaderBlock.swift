/// A received header list: all names and values as bytes in one allocation, in the order of arrival.
///
/// Names that `HeaderToken` knows are not stored at all. Look-ups walk the list (a gRPC request has about eight fields)
/// and build no strings; values are slices of the one buffer.
///
/// Layout of an entry: token (1 byte), name length (2, little endian), value length (2), name, value.
package struct HeaderBlock: Sendable, Hashable {
  private var storage: [UInt8]
  /// One bit per token that is in the list, so that asking for an absent field costs nothing.
  private var tokens: UInt32 = 0
  static let prefix_bytes = 5

  /// A list without fields.
  package init() { storage = [] }

  package var isEmpty: Bool { storage.isEmpty }

  /// One field. `name` is empty when `token` is not `.other`: use `nameString` or `hasName`.
  package struct Field {
    package let token: HeaderToken
    package let name: ArraySlice<UInt8>
    package let value: ArraySlice<UInt8>

    package var nameString: String {
      token == .other ? String(decoding: name, as: UTF8.self) : "\(token.name)"
    }
    package var valueString: String { String(decoding: value, as: UTF8.self) }
  }

  /// The first value of `token`.
  package func value(_ token: HeaderToken) -> ArraySlice<UInt8>? {
    guard let range = valueRange(of: token) else { return nil }
    return storage[range]
  }

  /// The first value of `token`, invalid UTF-8 repaired.
  package func string(_ token: HeaderToken) -> String? {
    value(token).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Whether the first value of `token` is exactly `text`.
  package func has(_ token: HeaderToken, _ text: StaticString) -> Bool {
    withValue(token) { value in
      value.count == text.utf8CodeUnitCount
        && value.elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    } ?? false
  }

  /// Calls `body` with the first value of `token`, without touching reference counts; nil when there is none.
  package func withValue<R>(_ token: HeaderToken, _ body: (UnsafeBufferPointer<UInt8>) throws -> R) rethrows -> R? {
    guard let range = valueRange(of: token) else { return nil }
    return try storage.withUnsafeBufferPointer { try body(UnsafeBufferPointer(rebasing: $0[range])) }
  }

  /// The first value of a name that is not a token (lower case).
  package func value(named name: String) -> ArraySlice<UInt8>? {
    var found: ArraySlice<UInt8>?
    forEach { field in
      guard found == nil else { return }
      let matches = field.token == .other ? field.name.elementsEqual(name.utf8) : "\(field.token.name)" == name
      if matches { found = field.value }
    }
    return found
  }

  /// Calls `body` for each field, in order of arrival, pseudo-headers included.
  package func forEach(_ body: (Field) throws -> Void) rethrows {
    var index = 0
    while index < storage.count {
      let entry = entry(at: index)
      try body(
        Field(
          token: entry.token, name: storage[entry.name], value: storage[entry.name.upperBound..<entry.end]))
      index = entry.end
    }
  }

  private struct Entry {
    let token: HeaderToken
    let name: Range<Int>
    let end: Int
  }

  private func entry(at index: Int) -> Entry {
    let nameStart = index + Self.prefix_bytes
    let nameEnd = nameStart + (Int(storage[index + 1]) | Int(storage[index + 2]) << 8)
    let valueEnd = nameEnd + (Int(storage[index + 3]) | Int(storage[index + 4]) << 8)
    return Entry(token: HeaderToken(rawValue: storage[index]) ?? .other, name: nameStart..<nameEnd, end: valueEnd)
  }

  private func valueRange(of token: HeaderToken) -> Range<Int>? {
    guard tokens & token.bit != 0 else { return nil }
    return storage.withUnsafeBufferPointer { bytes in
      var index = 0
      while index < bytes.count {
        let valueStart = index + Self.prefix_bytes + (Int(bytes[index + 1]) | Int(bytes[index + 2]) << 8)
        let valueEnd = valueStart + (Int(bytes[index + 3]) | Int(bytes[index + 4]) << 8)
        if bytes[index] == token.rawValue { return valueStart..<valueEnd }
        index = valueEnd
      }
      return nil
    }
  }
}

extension HeaderBlock {
  /// For tests and in-process use: the same layout from strings.
  package init(_ fields: [(String, String)]) {
    let builder = HeaderBlockBuilder()
    for (name, value) in fields {
      Array(name.utf8).withUnsafeBufferPointer { name in
        Array(value.utf8).withUnsafeBufferPointer { value in builder.append(name: name, value: value) }
      }
    }
    self = builder.build()
  }

  init(storage: [UInt8], tokens: UInt32) {
    self.storage = storage
    self.tokens = tokens
  }
}
