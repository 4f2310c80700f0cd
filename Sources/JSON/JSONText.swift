/// The characters of a JSON string.
package struct JSONText {
  package var text: String
  /// Half of a surrogate pair stood alone: no text at all, though JSON allows it. U+FFFD stands in its place.
  package var hasLoneSurrogate = false

  /// Of a string token.
  package init(_ token: JSONToken, in bytes: Span<UInt8>) {
    let inner = bytes.extracting((token.start + 1)..<(token.end - 1))
    guard token.isComplex else {
      text = inner.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
      return
    }
    let (units, isLone) = Self.unescaped(inner)
    hasLoneSurrogate = isLone
    text = String(decoding: units, as: UTF8.self)
  }

  /// Resolves the escapes of a string's inside.
  package static func unescaped(_ bytes: Span<UInt8>) -> (utf8: [UInt8], hasLoneSurrogate: Bool) {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var hasLoneSurrogate = false
    var index = 0
    while index < bytes.count {
      guard bytes[index] == UInt8(ascii: "\\") else {
        result.append(bytes[index])
        index += 1
        continue
      }
      let escape = bytes[index + 1]
      index += 2
      switch escape {
      case UInt8(ascii: "b"): result.append(0x08)
      case UInt8(ascii: "f"): result.append(0x0C)
      case UInt8(ascii: "n"): result.append(0x0A)
      case UInt8(ascii: "r"): result.append(0x0D)
      case UInt8(ascii: "t"): result.append(0x09)
      case UInt8(ascii: "u"):
        var unit = hex(bytes, at: index)
        index += 4
        if unit & 0xFC00 == 0xD800, index + 6 <= bytes.count, bytes[index] == UInt8(ascii: "\\"),
          bytes[index + 1] == UInt8(ascii: "u")
        {
          let low = hex(bytes, at: index + 2)
          if low & 0xFC00 == 0xDC00 {
            unit = 0x10000 + (unit & 0x3FF) << 10 + (low & 0x3FF)
            index += 6
          }
        }
        if let scalar = Unicode.Scalar(unit) {
          result.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        } else {
          hasLoneSurrogate = true
          result.append(contentsOf: UTF8.encodedReplacementCharacter)
        }
      default: result.append(escape)
      }
    }
    return (result, hasLoneSurrogate)
  }

  /// Four digits that the scanner has checked.
  private static func hex(_ bytes: Span<UInt8>, at index: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 << 4 | (JSONScanner.hexValue(bytes[index + $1]) ?? 0) }
  }
}
