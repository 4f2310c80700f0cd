/// Any message as its bytes, unseen: for calls whose types are not known at compile time, and for measurements.
package struct RawMessage: WireMessage {
  package static var protobufName: String { "" }
  package var bytes: [UInt8]

  package init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  package init(serializedBytes: UnsafeRawBufferPointer) throws(WireError) {
    bytes = Array(serializedBytes)
  }

  package func withPacker<R>(_ body: (WirePacker) throws -> R) rethrows -> R {
    try bytes.withUnsafeBytes { try body(WirePacker(bytes: $0)) }
  }
}
