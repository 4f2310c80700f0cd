/// Reads the fields of a message one after another, whatever its type. Groups are skipped.
struct WireReader {
  enum Value: Equatable {
    case varint(UInt64)
    case fixed64(UInt64)
    case bytes(ArraySlice<UInt8>)
    case fixed32(UInt32)
  }

  struct Malformed: Error {}

  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) {
    rest = bytes
  }

  var isAtEnd: Bool { rest.isEmpty }

  /// The next field; nil at the end.
  mutating func next() throws(Malformed) -> (number: Int, value: Value)? {
    var groups: [UInt64] = []
    while !rest.isEmpty {
      let key = try varint()
      guard key >> 3 != 0, key >> 3 <= 0x1FFF_FFFF else { throw Malformed() }
      switch key & 7 {
      case 3:
        guard groups.count < Limits.nesting_max else { throw Malformed() }
        groups.append(key >> 3)
      case 4:
        guard groups.popLast() == key >> 3 else { throw Malformed() }
      default:
        let value = try value(wireType: key & 7)
        if groups.isEmpty { return (Int(key >> 3), value) }
      }
    }
    guard groups.isEmpty else { throw Malformed() }
    return nil
  }

  mutating func varint() throws(Malformed) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard let byte = rest.popFirst() else { throw Malformed() }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw Malformed()
  }

  mutating func fixed64() throws(Malformed) -> UInt64 { try fixed(8) }

  mutating func fixed32() throws(Malformed) -> UInt32 { UInt32(truncatingIfNeeded: try fixed(4)) }

  private mutating func value(wireType: UInt64) throws(Malformed) -> Value {
    switch wireType {
    case 0: return .varint(try varint())
    case 1: return .fixed64(try fixed64())
    case 2:
      let length = try varint()
      guard length <= UInt64(rest.count) else { throw Malformed() }
      defer { rest.removeFirst(Int(length)) }
      return .bytes(rest.prefix(Int(length)))
    case 5: return .fixed32(try fixed32())
    default: throw Malformed()
    }
  }

  private mutating func fixed(_ count: Int) throws(Malformed) -> UInt64 {
    guard rest.count >= count else { throw Malformed() }
    defer { rest.removeFirst(count) }
    return rest.prefix(count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
