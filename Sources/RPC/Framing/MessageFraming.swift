package import NIOCore
package import Protobuf

/// The 5-byte prefix of a gRPC message: a compressed flag and a big-endian length.
package enum MessageFraming {
  /// Packs `message` behind its prefix, in one allocation.
  ///
  /// - Throws: `Status` RESOURCE_EXHAUSTED when the message is longer than `limit_bytes`.
  package static func frame<M: WireMessage>(
    _ message: M, limit_bytes: Int = Limits.message_bytes
  ) throws(Status) -> ByteBuffer {
    let result: Result<ByteBuffer, Status> = message.withPacker { packer in
      let size = packer.size
      guard size <= limit_bytes else {
        return .failure(
          Status(.resourceExhausted, "the message to send has \(size) bytes, more than the limit of \(limit_bytes)"))
      }
      var buffer = ByteBufferAllocator().buffer(capacity: size + Limits.messagePrefix_bytes)
      buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: size + Limits.messagePrefix_bytes) { bytes in
        bytes[0] = 0
        bytes.storeBytes(of: UInt32(size).bigEndian, toByteOffset: 1, as: UInt32.self)
        if let base = bytes.baseAddress { packer.pack(into: base + Limits.messagePrefix_bytes) }
        return size + Limits.messagePrefix_bytes
      }
      return .success(buffer)
    }
    return try result.get()
  }

  /// Parses a message without its prefix.
  package static func decode<M: WireMessage>(_ type: M.Type, from buffer: ByteBuffer) throws(WireError) -> M {
    try buffer.withUnsafeReadableBytes { (bytes) throws(WireError) in try M(serializedBytes: bytes) }
  }
}
