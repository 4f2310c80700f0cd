import CZlib
import NIOCore

/// zlib's raw deflate for one message at a time. Not tied to a socket: the window comes in with each message.
final class Deflater {
  // zlib's state points back at the stream, so that its address must not change.
  private let stream: UnsafeMutablePointer<z_stream>

  /// nil: no memory. `windowBits` 8 is served by 9: zlib's 9 never reaches back more than 250 bytes (2^9 less its
  /// look-ahead of 262), and refuses 8.
  init?(windowBits: Int) {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    let bits = Int32(max(9, min(15, windowBits)))
    let code = lifeecho_deflate_init(
      stream, Int32(Limits.deflateLevel), bits, Int32(Limits.deflateMemoryLevel))
    guard code == Z_OK else {
      stream.deallocate()
      return nil
    }
  }

  deinit {
    deflateEnd(stream)
    stream.deallocate()
  }

  /// Appends `bytes` as one compressed message (RFC 7692 §7.2.1) that may refer back to `history`. False: the library
  /// failed, and `output` is as it was.
  func deflate(_ bytes: UnsafeRawBufferPointer, history: [UInt8], into output: inout ByteBuffer) -> Bool {
    let start = output.writerIndex
    guard deflateReset(stream) == Z_OK else { return false }
    if !history.isEmpty {
      let code = history.withUnsafeBufferPointer { deflateSetDictionary(stream, $0.baseAddress, UInt32($0.count)) }
      guard code == Z_OK else { return false }
    }
    stream.pointee.next_in = bytes.baseAddress.map {
      UnsafeMutablePointer(mutating: $0.assumingMemoryBound(to: UInt8.self))
    }
    stream.pointee.avail_in = UInt32(bytes.count)
    defer {
      stream.pointee.next_in = nil
      stream.pointee.avail_in = 0
    }
    repeat {
      var code = Z_OK
      output.writeWithUnsafeMutableBytes(minimumWritableBytes: max(64, Int(stream.pointee.avail_in) / 2)) { target in
        stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(target.count)
        code = CZlib.deflate(stream, Z_SYNC_FLUSH)
        return target.count - Int(stream.pointee.avail_out)
      }
      guard code == Z_OK || code == Z_BUF_ERROR else {
        output.moveWriterIndex(to: start)
        return false
      }
    } while stream.pointee.avail_out == 0
    guard output.writerIndex - start > 4 else {
      output.moveWriterIndex(to: start)
      return false
    }
    output.moveWriterIndex(to: output.writerIndex - 4)
    return true
  }
}
