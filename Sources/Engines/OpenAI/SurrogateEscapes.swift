import Foundation

/// Mends JSON texts whose `\u` escapes hold half a surrogate pair (RFC 8259 §8.2), which no decoder takes: servers that
/// write token by token cut an emoji in two, its halves in two events. Sans-I/O, one for each stream.
struct SurrogateEscapes {
  /// The first half, which waits for the second in the next event.
  private var high: [UInt8]?

  init() {}

  /// `json` with its halves joined over events; one that finds no other is U+FFFD, or nothing at the end of a text.
  mutating func mend(_ json: Data) -> Data {
    let bytes = [UInt8](json)
    var mended: [UInt8] = []
    mended.reserveCapacity(bytes.count + 6)
    var index = 0
    while index < bytes.count {
      guard bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.count else {
        mended.append(bytes[index])
        index += 1
        continue
      }
      guard let unit = Self.unit(bytes, at: index) else {
        // Another escape: two bytes, of which the second may be a backslash.
        mended += bytes[index..<index + 2]
        index += 2
        continue
      }
      let escape = bytes[index..<index + 6]
      index += 6
      switch unit {
      case 0xD800...0xDBFF:
        if let next = Self.unit(bytes, at: index), (0xDC00...0xDFFF).contains(next) {
          mended += escape + bytes[index..<index + 6]
          index += 6
        } else if index < bytes.count, bytes[index] == UInt8(ascii: "\"") {
          high = Array(escape)
        } else {
          mended += Self.replacement
        }
      case 0xDC00...0xDFFF:
        mended += high.map { $0 + escape } ?? Self.replacement
        high = nil
      default:
        mended += escape
      }
    }
    return Data(mended)
  }

  private static let replacement = Array("\\uFFFD".utf8)

  /// The UTF-16 code unit of the escape that begins there.
  private static func unit(_ bytes: [UInt8], at index: Int) -> UInt16? {
    guard index + 6 <= bytes.count, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u")
    else { return nil }
    return UInt16(String(decoding: bytes[index + 2..<index + 6], as: UTF8.self), radix: 16)
  }
}
