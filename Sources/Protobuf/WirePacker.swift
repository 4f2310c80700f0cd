package import CProtobufC

/// Writes one message whose size is known before.
package struct WirePacker {
  /// The encoded size in bytes.
  package let size: Int
  private let source: Source

  private enum Source {
    case message(UnsafePointer<ProtobufCMessage>)
    case bytes(UnsafeRawBufferPointer)
  }

  package init(message: UnsafePointer<ProtobufCMessage>) {
    size = protobuf_c_message_get_packed_size(message)
    source = .message(message)
  }

  init(bytes: UnsafeRawBufferPointer) {
    size = bytes.count
    source = .bytes(bytes)
  }

  /// Writes exactly `size` bytes.
  package func pack(into target: UnsafeMutableRawPointer) {
    switch source {
    case .message(let message):
      let written = protobuf_c_message_pack(message, target.assumingMemoryBound(to: UInt8.self))
      precondition(written == size, "a message changed while it was packed")
    case .bytes(let bytes):
      if let base = bytes.baseAddress { target.copyMemory(from: base, byteCount: bytes.count) }
    }
  }
}
