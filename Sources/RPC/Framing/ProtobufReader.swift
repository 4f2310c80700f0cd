/// Reads protobuf fields one after another, without knowing the message type. Stops at the first malformed field;
/// the caller decides what that means. Takes no memory beyond the slice it reads.
package struct ProtobufReader {
  package struct Field {
    package let number: UInt32
    /// The content of a length-delimited field; nil for other wire types.
    package let bytes: ArraySlice<UInt8>?
    /// The value of a varint field; 0 for other wire types.
    package let varint: UInt64
  }

  private var rest: ArraySlice<UInt8>
  /// True when reading stopped before the end.
  private(set) var isMalformed = false

  package init(_ bytes: ArraySlice<UInt8>) {
    rest = bytes
  }

  package mutating func next() -> Field? {
    guard !rest.isEmpty, !isMalformed else { return nil }
    guard let key = varint(), key >> 3 != 0, key >> 3 <= 0x1FFF_FFFF else { return fail() }
    let number = UInt32(key >> 3)
    switch key & 7 {
    case 0:
      guard let value = varint() else { return fail() }
      return Field(number: number, bytes: nil, varint: value)
    case 1:
      guard skip(8) else { return fail() }
      return Field(number: number, bytes: nil, varint: 0)
    case 2:
      guard let length = varint(), length <= UInt64(rest.count) else { return fail() }
      let content = rest.prefix(Int(length))
      rest.removeFirst(Int(length))
      return Field(number: number, bytes: content, varint: 0)
    case 5:
      guard skip(4) else { return fail() }
      return Field(number: number, bytes: nil, varint: 0)
    default:
      return fail()
    }
  }

  private mutating func varint() -> UInt64? {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard let byte = rest.popFirst() else { return nil }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    return nil
  }

  private mutating func skip(_ count: Int) -> Bool {
    guard rest.count >= count else { return false }
    rest.removeFirst(count)
    return true
  }

  private mutating func fail() -> Field? {
    isMalformed = true
    return nil
  }
}
