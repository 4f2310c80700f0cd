import CZlib
import NIOCore

/// zlib's raw inflate for one message at a time. Not tied to a socket: the window comes in with `begin`.
final class Inflater {
  enum Failure: Error {
    /// The bytes are no deflate stream.
    case corrupt
    /// The message is longer than `limit` allows.
    case tooBig
    case outOfMemory
  }

  // zlib's state points back at the stream, so that its address must not change.
  private let stream: UnsafeMutablePointer<z_stream>

  init() throws(Failure) {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    // 15 bits read what any smaller window wrote.
    guard lifeecho_inflate_init(stream, 15) == Z_OK else {
      stream.deallocate()
      throw .outOfMemory
    }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  /// Starts a message that may refer back to `history`.
  func begin(_ history: [UInt8]) throws(Failure) {
    guard inflateReset(stream) == Z_OK else { throw .corrupt }
    guard !history.isEmpty else { return }
    let code = history.withUnsafeBufferPointer { inflateSetDictionary(stream, $0.baseAddress, UInt32($0.count)) }
    guard code == Z_OK else { throw .corrupt }
  }

  /// Appends what `bytes` inflate to; `output` never grows beyond `limit` + 1.
  func inflate(_ bytes: UnsafeRawBufferPointer, into output: inout ByteBuffer, limit: Int) throws(Failure) {
    guard let base = bytes.baseAddress, bytes.count > 0 else { return }
    // The library reads through next_in only; the field is not const for old compilers' sake.
    stream.pointee.next_in = UnsafeMutablePointer(mutating: base.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = UInt32(bytes.count)
    defer {
      stream.pointee.next_in = nil
      stream.pointee.avail_in = 0
    }
    var isOutputFull = true
    while stream.pointee.avail_in > 0 || isOutputFull {
      let allowed = limit + 1 - output.readableBytes
      let room = min(allowed, max(512, min(4 * bytes.count, Limits.reserve_bytes)))
      guard room > 0 else { throw .tooBig }
      var code = Z_OK
      output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
        let room = min(target.count, allowed)
        stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(room)
        code = CZlib.inflate(stream, Z_SYNC_FLUSH)
        return room - Int(stream.pointee.avail_out)
      }
      isOutputFull = stream.pointee.avail_out == 0
      if output.readableBytes > limit { throw .tooBig }
      switch code {
      case Z_OK: break
      case Z_BUF_ERROR: return
      case Z_STREAM_END: try continueAfterFinalBlock()
      case Z_MEM_ERROR: throw .outOfMemory
      default: throw .corrupt
      }
    }
  }

  /// The end of the message: the four bytes that its sender left out (RFC 7692 §7.2.2).
  func finish(into output: inout ByteBuffer, limit: Int) throws(Failure) {
    let tail: (UInt8, UInt8, UInt8, UInt8) = (0, 0, 0xff, 0xff)
    do {
      try withUnsafeBytes(of: tail) { try inflate($0, into: &output, limit: limit) }
    } catch let failure as Failure {
      throw failure
    } catch {
      throw .corrupt
    }
    // Bit 7: the stream stands at the start of a block. Otherwise the message ended in the middle of one; a message
    // that ended with a final block leaves the tail's first bytes as a half-read header, which is harmless.
    guard stream.pointee.data_type & 128 != 0 || endedWithFinalBlock else { throw .corrupt }
    endedWithFinalBlock = false
  }

  private var endedWithFinalBlock = false

  /// A block with BFINAL ends zlib's stream but not the message, nor the window (RFC 7692 §7.2.3.4).
  private func continueAfterFinalBlock() throws(Failure) {
    var window = [UInt8](repeating: 0, count: 32 << 10)
    var count: UInt32 = 0
    var code = window.withUnsafeMutableBufferPointer { inflateGetDictionary(stream, $0.baseAddress, &count) }
    guard code == Z_OK else { throw .corrupt }
    code = inflateReset(stream)
    guard code == Z_OK else { throw .corrupt }
    endedWithFinalBlock = true
    guard count > 0 else { return }
    code = window.withUnsafeBufferPointer { inflateSetDictionary(stream, $0.baseAddress, count) }
    guard code == Z_OK else { throw .corrupt }
  }
}
