import NIOCore

/// Frame types (RFC 6455 §5.2).
enum Opcode: UInt8 {
  case continuation = 0
  case text = 1
  case binary = 2
  case close = 8
  case ping = 9
  case pong = 10

  var isControl: Bool { rawValue >= 8 }
}

/// The first bytes of a frame (RFC 6455 §5.2).
struct FrameHeader {
  var isFinal: Bool
  /// RSV1: the first frame of a compressed message (RFC 7692 §6).
  var isCompressed: Bool
  var opcode: Opcode
  /// Payload bytes.
  var length: Int
  /// The key's four bytes in memory order; 0 changes nothing.
  var key: UInt32

  enum Parsed {
    case needsMore
    case header(FrameHeader, size: Int)
    case violation(StaticString)
  }

  /// Reads a header from the start of `bytes`. What the first bytes rule out is said without waiting for the rest.
  static func parse(_ bytes: UnsafeRawBufferPointer, role: WebSocketRole, allowsCompression: Bool) -> Parsed {
    guard bytes.count >= 1 else { return .needsMore }
    let first = bytes[0]
    guard first & 0x30 == 0, allowsCompression || first & 0x40 == 0 else { return .violation("reserved bit set") }
    guard let opcode = Opcode(rawValue: first & 0x0f) else { return .violation("unknown opcode") }
    let isFinal = first & 0x80 != 0
    let isCompressed = first & 0x40 != 0
    if isCompressed, opcode != .text, opcode != .binary { return .violation("reserved bit set") }
    if opcode.isControl, !isFinal { return .violation("fragmented control frame") }
    guard bytes.count >= 2 else { return .needsMore }
    let isMasked = bytes[1] & 0x80 != 0
    guard isMasked == (role == .server) else {
      return .violation(isMasked ? "masked frame from a server" : "frame without a mask")
    }
    let short = Int(bytes[1] & 0x7f)
    if opcode.isControl, short > Limits.controlPayload_bytes { return .violation("control frame too long") }
    let lengthSize = short < 126 ? 0 : short == 126 ? 2 : 8
    let size = 2 + lengthSize + (isMasked ? 4 : 0)
    guard bytes.count >= size else { return .needsMore }
    let length: Int
    switch lengthSize {
    case 0: length = short
    case 2:
      length = Int(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
      guard length > 125 else { return .violation("length not minimal") }
    default:
      let long = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
      guard long > 0xffff else { return .violation("length not minimal") }
      guard long <= UInt64(Int.max) else { return .violation("length out of range") }
      length = Int(long)
    }
    let key = isMasked ? bytes.loadUnaligned(fromByteOffset: size - 4, as: UInt32.self) : 0
    let header = FrameHeader(
      isFinal: isFinal, isCompressed: isCompressed, opcode: opcode, length: length, key: key)
    return .header(header, size: size)
  }

  /// Appends the header; `mask` nil sends none.
  static func write(
    _ opcode: Opcode, isFinal: Bool = true, isCompressed: Bool = false, length: Int, mask: UInt32?,
    into output: inout ByteBuffer
  ) {
    output.writeWithUnsafeMutableBytes(minimumWritableBytes: Limits.frameHeader_bytes) { bytes in
      bytes[0] = (isFinal ? 0x80 : 0) | (isCompressed ? 0x40 : 0) | opcode.rawValue
      let masked: UInt8 = mask == nil ? 0 : 0x80
      var size = 2
      if length < 126 {
        bytes[1] = masked | UInt8(length)
      } else if length <= 0xffff {
        bytes[1] = masked | 126
        bytes.storeBytes(of: UInt16(length).bigEndian, toByteOffset: 2, as: UInt16.self)
        size = 4
      } else {
        bytes[1] = masked | 127
        bytes.storeBytes(of: UInt64(length).bigEndian, toByteOffset: 2, as: UInt64.self)
        size = 10
      }
      if let mask {
        bytes.storeBytes(of: mask, toByteOffset: size, as: UInt32.self)
        size += 4
      }
      return size
    }
  }
}

/// Which end we are: it decides who masks (RFC 6455 §5.1).
package enum WebSocketRole: Sendable, Hashable {
  case server, client
}
