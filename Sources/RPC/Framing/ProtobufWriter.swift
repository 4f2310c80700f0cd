/// Writes the few protobuf fields this target needs without generated code (`google.rpc.Status`, reflection).
struct ProtobufWriter {
  private(set) var bytes: [UInt8] = []

  /// Writes nothing for zero, as proto3 does.
  mutating func varint(field: UInt32, _ value: UInt64) {
    guard value != 0 else { return }
    raw(UInt64(field) << 3)
    raw(value)
  }

  /// Writes nothing for the empty string, as proto3 does.
  mutating func string(field: UInt32, _ value: String) {
    guard !value.isEmpty else { return }
    bytes(field: field, Array(value.utf8))
  }

  /// Writes the field also when empty: it may be a message, whose presence counts.
  mutating func bytes(field: UInt32, _ value: some Collection<UInt8>) {
    raw(UInt64(field) << 3 | 2)
    raw(UInt64(value.count))
    bytes.append(contentsOf: value)
  }

  private mutating func raw(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}
