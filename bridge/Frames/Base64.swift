/// Base64 as Python's `b64decode` reads it: characters outside the alphabet are dropped, decoding stops at complete
/// padding, missing padding or a lone character fails.
enum Base64 {
  /// nil when it fails. The span holds ASCII; other bytes fail.
  static func decode(_ text: Span<UInt8>) -> [UInt8]? {
    var isValid = true
    let result = [UInt8](unsafeUninitializedCapacity: text.count / 4 * 3 + 8) { target, count in
      var decoder = Decoder(target: target)
      isValid = decoder.decode(text)
      count = isValid ? decoder.count : 0
    }
    return isValid ? result : nil
  }

  /// Writes into memory that is 8 bytes longer than what four characters for three bytes need.
  private struct Decoder {
    let target: UnsafeMutableBufferPointer<UInt8>
    var count = 0
    /// Where in a group of four the next character stands, and the bits of it that were not written yet.
    private var place = 0
    private var rest: UInt8 = 0
    private var pads = 0

    init(target: UnsafeMutableBufferPointer<UInt8>) { self.target = target }

    mutating func decode(_ text: Span<UInt8>) -> Bool {
      var index = 0
      while index < text.count {
        if place == 0 { index = blocks(text, from: index) }
        // A group or more by single characters, then blocks again.
        let end = min(index + 16, text.count)
        while index < end {
          switch character(text[index]) {
          case .goesOn: index += 1
          case .complete: return isASCII(text, from: index)
          case .invalid: return false
          }
        }
      }
      return place == 0
    }

    /// Decodes 16 characters at a time while all are of the alphabet; where it stopped.
    private mutating func blocks(_ text: Span<UInt8>, from start: Int) -> Int {
      var index = start
      let raw = text.bytes
      let output = UnsafeMutableRawBufferPointer(target)
      while index + 16 <= text.count {
        let characters = raw.unsafeLoadUnaligned(fromByteOffset: index, as: SIMD16<UInt8>.self)
        let upper = (characters &- UInt8(ascii: "A")) .< 26
        let lower = (characters &- UInt8(ascii: "a")) .< 26
        let digit = (characters &- UInt8(ascii: "0")) .< 10
        let plus = characters .== UInt8(ascii: "+")
        let slash = characters .== UInt8(ascii: "/")
        guard all(upper .| lower .| digit .| plus .| slash) else { return index }
        var offset = SIMD16<UInt8>(repeating: 0 &- 65)
        offset.replace(with: 0 &- 71, where: lower)
        offset.replace(with: 4, where: digit)
        offset.replace(with: 62 - 43, where: plus)
        offset.replace(with: 63 - 47, where: slash)
        // Four sextets a lane, the first in the lowest byte, become three bytes in the same order.
        let lanes = unsafeBitCast(characters &+ offset, to: SIMD4<UInt32>.self)
        let group = (lanes & 0x3F) &<< 18 | (lanes & 0x3F00) &<< 4 | (lanes & 0x3F0000) &>> 10 | lanes &>> 24
        let packed = group &>> 16 | (group & 0xFF00) | (group & 0xFF) &<< 16
        output.storeBytes(of: packed[0], toByteOffset: count, as: UInt32.self)
        output.storeBytes(of: packed[1], toByteOffset: count + 3, as: UInt32.self)
        output.storeBytes(of: packed[2], toByteOffset: count + 6, as: UInt32.self)
        output.storeBytes(of: packed[3], toByteOffset: count + 9, as: UInt32.self)
        count += 12
        index += 16
      }
      return index
    }

    /// What follows complete padding is not decoded, but must be ASCII, too.
    private func isASCII(_ text: Span<UInt8>, from start: Int) -> Bool {
      for index in start..<text.count where text[index] >= 0x80 { return false }
      return true
    }

    private enum Step { case goesOn, complete, invalid }

    private mutating func character(_ byte: UInt8) -> Step {
      if byte == UInt8(ascii: "=") {
        guard place >= 2 else { return .goesOn }
        pads += 1
        return place + pads >= 4 ? .complete : .goesOn
      }
      guard let value = Self.value(byte) else { return byte < 0x80 ? .goesOn : .invalid }
      pads = 0
      switch place {
      case 0: rest = value
      case 1: write(rest << 2 | value >> 4, rest: value & 0x0F)
      case 2: write(rest << 4 | value >> 2, rest: value & 0x03)
      default: write(rest << 6 | value, rest: 0)
      }
      place = (place + 1) & 3
      return .goesOn
    }

    private mutating func write(_ byte: UInt8, rest: UInt8) {
      target[count] = byte
      count += 1
      self.rest = rest
    }

    private static func value(_ byte: UInt8) -> UInt8? {
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - 65
      case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - 71
      case UInt8(ascii: "0")...UInt8(ascii: "9"): byte + 4
      case UInt8(ascii: "+"): 62
      case UInt8(ascii: "/"): 63
      default: nil
      }
    }
  }
}
