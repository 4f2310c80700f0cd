/// The last bytes of what went one way through a compression window: what the next message may refer back to.
struct MessageHistory {
  private(set) var bytes: [UInt8] = []

  /// Appends a message, and keeps the last `window_bytes` of everything.
  mutating func append(_ message: UnsafeRawBufferPointer, window_bytes: Int) {
    if message.count >= window_bytes {
      bytes = [UInt8](message.suffix(window_bytes))
      return
    }
    let excess = bytes.count + message.count - window_bytes
    if excess > 0 { bytes.removeFirst(excess) }
    if bytes.isEmpty { bytes.reserveCapacity(message.count) }
    bytes.append(contentsOf: message)
  }

  /// Gives back what was allocated in advance.
  mutating func shrink() {
    if bytes.capacity > bytes.count + bytes.count / 8 + 32 {
      bytes = Array(unsafeUninitializedCapacity: bytes.count) { target, count in
        count = target.initialize(fromContentsOf: bytes)
      }
    }
  }
}
