/// Writes fields of a message.
struct WireWriter {
  private(set) var bytes: [UInt8] = []

  mutating func tag(_ number: Int, wireType: UInt64) {
    varint(UInt64(number) << 3 | wireType)
  }

  mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  mutating func fixed64(_ value: UInt64) {
    for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(shift))) }
  }

  mutating func fixed32(_ value: UInt32) {
    for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(shift))) }
  }

  mutating func append(_ content: [UInt8]) {
    bytes += content
  }

  mutating func field(_ number: Int, _ content: [UInt8]) {
    tag(number, wireType: 2)
    varint(UInt64(content.count))
    bytes += content
  }
}
