/// Percent coding of `grpc-message` (PROTOCOL-HTTP2.md): bytes 0x20...0x7E but "%" travel as they are. Blanks at either
/// end do not: a field value must not have them there (RFC 9113 §8.2.1).
package enum StatusMessageCoding {
  private static let hexadecimal = Array("0123456789ABCDEF".utf8)

  /// The header value of a message. The result has only printable ASCII, and at most
  /// `Limits.statusMessage_bytes` bytes: longer messages are cut at a Unicode scalar.
  package static func encode(_ message: String) -> String {
    var message = message
    if message.utf8.count > Limits.statusMessage_bytes {
      message = prefix(of: message, byteCount: Limits.statusMessage_bytes)
    }
    let utf8 = message.utf8
    let blank = UInt8(ascii: " ")
    if utf8.allSatisfy(isUnescaped), utf8.first != blank, utf8.last != blank { return message }
    let text = utf8.drop { $0 == blank }
    let inside = text.startIndex..<(text.lastIndex { $0 != blank } ?? text.startIndex)
    var result: [UInt8] = []
    result.reserveCapacity(utf8.count * 2)
    for (index, byte) in zip(utf8.indices, utf8) {
      if isUnescaped(byte), byte != blank || inside.contains(index) {
        result.append(byte)
      } else {
        result.append(UInt8(ascii: "%"))
        result.append(hexadecimal[Int(byte >> 4)])
        result.append(hexadecimal[Int(byte & 15)])
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// The message of a header value. Never fails: broken escapes stay as they are, broken UTF-8 is replaced.
  package static func decode(_ bytes: some Collection<UInt8>) -> String {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var index = bytes.startIndex
    while index != bytes.endIndex {
      let byte = bytes[index]
      let next = bytes.index(after: index)
      if byte == UInt8(ascii: "%"), let second = bytes.index(next, offsetBy: 1, limitedBy: bytes.endIndex),
        next != bytes.endIndex, second != bytes.endIndex,
        let high = digit(bytes[next]), let low = digit(bytes[second])
      {
        result.append(high << 4 | low)
        index = bytes.index(after: second)
      } else {
        result.append(byte)
        index = next
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  @inline(__always)
  private static func isUnescaped(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte <= 0x7E && byte != UInt8(ascii: "%")
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  private static func prefix(of message: String, byteCount: Int) -> String {
    var result = String.UnicodeScalarView()
    var used = 0
    for scalar in message.unicodeScalars {
      used += UTF8.width(scalar)
      if used > byteCount { break }
      result.append(scalar)
    }
    return String(result)
  }
}
