import NIOCore

/// For a socket with TLS: what it reads is not what comes up, and does not come back. Each read has a buffer of its own,
/// which follows the size of what was read, so that an idle socket keeps none but its first, small one.
struct TransientReadAllocator: RecvByteBufferAllocator {
  private var isFirst = true
  private var next_bytes = Limits.firstRead_bytes

  func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
    allocator.buffer(capacity: isFirst ? Limits.firstRead_bytes : next_bytes)
  }

  /// NIO shall ask again instead of keeping the last buffer.
  func nextBufferSize() -> Int? { nil }

  mutating func record(actualReadBytes: Int) -> Bool {
    isFirst = false
    if actualReadBytes >= next_bytes {
      next_bytes = min(Limits.read_bytes, next_bytes * 4)
    } else if actualReadBytes < next_bytes / 4 {
      next_bytes = max(Limits.firstRead_bytes, next_bytes / 2)
    }
    return true
  }
}
