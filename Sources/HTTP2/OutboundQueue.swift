import NIOCore

/// Bytes waiting to be sent on one stream. The first buffer is kept inline, so an idle stream and a unary response
/// allocate nothing here; buffers are taken over, not copied.
struct OutboundQueue {
  private(set) var byteCount = 0
  private var first: ByteBuffer?
  private var rest: [ByteBuffer] = []
  /// Index of the next buffer in `rest`.
  private var restHead = 0

  var isEmpty: Bool { byteCount == 0 }

  mutating func append(_ data: ByteBuffer) {
    guard data.readableBytes > 0 else { return }
    byteCount += data.readableBytes
    if first == nil { first = data } else { rest.append(data) }
  }

  /// Copies up to `capacity` bytes to `target` and drops them here; returns how many.
  mutating func take(into target: UnsafeMutablePointer<UInt8>, capacity: Int) -> Int {
    var copied = 0
    while copied < capacity, let available = first?.readableBytes {
      let count = min(capacity - copied, available)
      first?.readWithUnsafeReadableBytes { bytes in
        UnsafeMutableRawPointer(target + copied).copyMemory(
          from: bytes.baseAddress.unsafelyUnwrapped, byteCount: count)
        return count
      }
      copied += count
      if count == available { advance() }
    }
    byteCount -= copied
    return copied
  }

  mutating func removeAll() { self = OutboundQueue() }

  private mutating func advance() {
    guard restHead < rest.count else {
      first = nil
      return
    }
    first = rest[restHead]
    rest[restHead] = ByteBuffer()
    restHead += 1
    if restHead == rest.count {
      rest.removeAll(keepingCapacity: rest.count <= 64)
      restHead = 0
    } else if restHead >= 64 {
      rest.removeFirst(restHead)
      restHead = 0
    }
  }
}
