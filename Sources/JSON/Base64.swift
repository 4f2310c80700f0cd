import CVector

/// Base64 as Python's `b64decode` reads it: characters outside the alphabet are dropped, decoding stops at complete
/// padding, missing padding or a lone character fails.
package enum Base64 {
  /// The bytes in a string token; nil when it fails.
  package static func decode(_ token: JSONToken, in bytes: Span<UInt8>) -> [UInt8]? {
    let inner = bytes.extracting((token.start + 1)..<(token.end - 1))
    guard token.isComplex else { return decode(inner) }
    let unescaped = JSONText.unescaped(inner).utf8
    return decode(unescaped.span)
  }

  /// nil when it fails. The span holds ASCII; other bytes fail.
  package static func decode(_ text: Span<UInt8>) -> [UInt8]? {
    var isValid = true
    let result = [UInt8](unsafeUninitializedCapacity: text.count / 4 * 3 + 8) { target, count in
      var decoder = Decoder(target: target)
      isValid = decoder.decode(text)
      count = isValid ? decoder.count : 0
    }
    return isValid ? result : nil
  }

  /// What each character is, at each of the four places of a group: the bits of three bytes, the first byte lowest.
  private static let groups: [UInt32] = (0..<4).flatMap { place in
    (UInt8.min...UInt8.max).map { character in
      guard let value = Decoder.value(character) else { return foreign }
      return (UInt32(value) << UInt32(26 - 6 * place)).byteSwapped
    }
  }
  /// Set in what is not of the alphabet; above all bits of the three bytes.
  private static let foreign: UInt32 = 1 << 24

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
      var index = vectors(text)
      while index < text.count {
        if place == 0 { index = groups(text, from: index) }
        // What stopped it by single characters, then groups again.
        let end = min(index + 8, text.count)
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

    /// Decodes 16 characters at a time from the beginning, while all are of the alphabet; where it stopped.
    private mutating func vectors(_ text: Span<UInt8>) -> Int {
      let taken = text.withUnsafeBufferPointer { text in
        guard let from = text.baseAddress, let to = target.baseAddress else { return 0 }
        return lifeecho_base64_decode(from, text.count, to)
      }
      count = taken / 4 * 3
      return taken
    }

    /// Decodes four characters at a time while all are of the alphabet; where it stopped.
    private mutating func groups(_ text: Span<UInt8>, from start: Int) -> Int {
      var index = start
      let raw = text.bytes
      let output = UnsafeMutableRawBufferPointer(target)
      Base64.groups.withUnsafeBufferPointer { table in
        while index + 4 <= text.count {
          let characters = raw.unsafeLoadUnaligned(fromByteOffset: index, as: UInt32.self).littleEndian
          let bits =
            table[Int(characters & 0xFF)] | table[Int(characters &>> 8 & 0xFF | 0x100)]
            | table[Int(characters &>> 16 & 0xFF | 0x200)] | table[Int(characters &>> 24 | 0x300)]
          guard bits < Base64.foreign else { return }
          output.storeBytes(of: bits.littleEndian, toByteOffset: count, as: UInt32.self)
          count += 3
          index += 4
        }
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

    static func value(_ byte: UInt8) -> UInt8? {
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
