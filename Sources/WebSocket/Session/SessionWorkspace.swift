import NIOCore

/// What sessions of one loop use one after the other, so that an idle one holds none of it: buffers, zlib states, the
/// parts of a message that is on its way. Loop-confined.
final class SessionWorkspace {
  /// Small messages are unmasked into this one; it is used again when nobody kept it.
  private var message = ByteBuffer()
  /// Deflated output and unmasked compressed input.
  var scratch = ByteBuffer()
  private var assemblies: [MessageAssembly] = []
  private var inflaters: [Inflater] = []
  private var deflaters = [Deflater?](repeating: nil, count: 16)
  private var outputs: [ByteBuffer] = []
  private var random = SystemRandomNumberGenerator()

  /// `count` masked bytes at the start of `input`, unmasked into a buffer of their own, or into the shared one when they
  /// are few.
  func unmasked(_ input: ByteBuffer, count: Int, key: UInt32) -> ByteBuffer {
    func write(into target: inout ByteBuffer) {
      input.withUnsafeReadableBytes { source in
        _ = target.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { room in
          if let source = source.baseAddress, let room = room.baseAddress, count > 0 {
            Masking.apply(key, offset: 0, from: source, to: room, count: count)
          }
          return count
        }
      }
    }
    if count <= Limits.sharedMessage_bytes {
      message.clear(minimumCapacity: Limits.sharedMessage_bytes)
      write(into: &message)
      return message
    }
    var own = ByteBufferAllocator().buffer(capacity: count)
    write(into: &own)
    return own
  }

  // MARK: Lent to one session at a time

  func takeAssembly() -> MessageAssembly { assemblies.popLast() ?? MessageAssembly() }

  func give(_ assembly: MessageAssembly) {
    if let inflater = assembly.inflater { give(inflater) }
    assembly.reset()
    if assemblies.count < Limits.pooledBuffers { assemblies.append(assembly) }
  }

  func takeInflater() throws(Inflater.Failure) -> Inflater {
    if let inflater = inflaters.popLast() { return inflater }
    return try Inflater()
  }

  private func give(_ inflater: Inflater) {
    if inflaters.count < Limits.pooledInflaters { inflaters.append(inflater) }
  }

  func deflater(windowBits: UInt8) -> Deflater? {
    let bits = Int(max(9, min(15, windowBits)))
    if let deflater = deflaters[bits] { return deflater }
    deflaters[bits] = Deflater(windowBits: bits)
    return deflaters[bits]
  }

  // MARK: Output buffers

  func takeOutput() -> ByteBuffer {
    outputs.popLast() ?? ByteBufferAllocator().buffer(capacity: 1 << 10)
  }

  /// Takes a buffer back; an overgrown one is let go.
  func give(output: consuming ByteBuffer) {
    guard outputs.count < Limits.pooledBuffers, output.storageCapacity <= Limits.pooledBuffer_bytes else { return }
    outputs.append(output)
  }

  /// A fresh masking key (RFC 6455 §5.3: unpredictable).
  func maskingKey() -> UInt32 { random.next() }
}

/// A message of which not all has arrived: its fragments so far, or a part of a frame.
final class MessageAssembly {
  var opcode = Opcode.text
  var bytes = ByteBuffer()
  var utf8 = UTF8Validator()
  /// Present while a compressed message is on its way.
  var inflater: Inflater?

  func reset() {
    bytes = ByteBuffer()
    utf8 = UTF8Validator()
    inflater = nil
  }
}
