import JSON
import NIOCore

/// An audio segment as a binary frame of protocol 2 (PROTOCOL.md, Speech of the user).
enum BinarySegment {
  /// Version, flags, index, duration, length of the id.
  private static let head_bytes = 11

  static func read(_ frame: ByteBuffer) -> ClientFrame {
    var frame = frame
    guard frame.readableBytes > head_bytes,
      let (version, flags, index, duration_ms, length) = frame.readMultipleIntegers(
        as: (UInt8, UInt8, UInt32, UInt32, UInt8).self),
      version == 1, flags <= 1, index <= UInt32(Limits.segmentIndex), length > 0,
      let bytes = frame.readBytes(length: Int(length)), let id = String(validating: bytes, as: UTF8.self),
      case let session = PythonRules.trim(id), !session.isEmpty, !session.unicodeScalars.contains("\0"),
      let content = frame.readBytes(length: frame.readableBytes), !content.isEmpty
    else { return .refused(.audioSegment, text: Text.failed, isMalformed: true) }
    return .audioSegment(
      session: session,
      segment: .init(
        index: Int32(index), content: content, duration_ms: Int64(min(Int(duration_ms), Limits.duration_s * 1000)),
        isLast: flags == 1))
  }
}
