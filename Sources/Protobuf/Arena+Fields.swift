package import CProtobufC

/// Swift values to fields of C structs, for generated code, where they are specialised.
extension Arena {
  /// A struct set to its defaults.
  @inlinable
  package func make<S>(_ initialize: (UnsafeMutablePointer<S>) -> Void) -> UnsafeMutablePointer<S> {
    let message = allocate(S.self, count: 1)
    initialize(message)
    return message
  }

  package func data(_ value: String) -> ProtobufCBinaryData {
    var value = value
    return value.withUTF8 { copy(UnsafeRawBufferPointer($0)) }
  }

  package func data(_ value: [UInt8]) -> ProtobufCBinaryData {
    value.withUnsafeBytes { copy($0) }
  }

  @inlinable
  package func message<M: StructMessage>(_ value: M?) -> UnsafeMutablePointer<M.Struct>? {
    value?.make(in: self)
  }

  /// A repeated field: `transform` makes one element.
  @inlinable
  package func list<Element, Field>(
    _ values: [Element], _ transform: (Element) -> Field
  ) -> UnsafeMutablePointer<Field>? {
    guard !values.isEmpty else { return nil }
    let fields = allocate(Field.self, count: values.count)
    var field = fields
    for value in values {
      field.initialize(to: transform(value))
      field += 1
    }
    return fields
  }

  /// Entries of a map in the order of their keys' bytes, so that equal messages have equal bytes.
  @inlinable
  package static func sorted<Value>(_ map: [String: Value]) -> [(key: String, value: Value)] {
    map.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
  }

  private func copy(_ bytes: UnsafeRawBufferPointer) -> ProtobufCBinaryData {
    guard let source = bytes.baseAddress, !bytes.isEmpty else { return ProtobufCBinaryData(len: 0, data: nil) }
    let target = allocate(UInt8.self, count: bytes.count)
    UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: bytes.count)
    return ProtobufCBinaryData(len: bytes.count, data: target)
  }
}
