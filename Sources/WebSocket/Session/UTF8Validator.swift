/// Checks UTF-8 (RFC 3629) piece by piece and says no at the first byte that cannot belong to it.
///
/// Runs of ASCII are skipped 32 bytes at a time, whole three-byte characters (Chinese) three at a time.
struct UTF8Validator {
  /// Continuation bytes still to come, and the range of the next one.
  private var remaining: UInt8 = 0
  private var lower: UInt8 = 0x80
  private var upper: UInt8 = 0xbf

  /// Whether what was seen ends with a whole character.
  var isComplete: Bool { remaining == 0 }

  /// False: no continuation can make this valid.
  mutating func accepts(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let base = bytes.baseAddress else { return true }
    let end = bytes.count
    var index = 0
    while index < end {
      if remaining == 0 {
        index = Self.skipWholeCharacters(base, from: index, to: end)
        guard index < end else { return true }
      }
      guard step(base.load(fromByteOffset: index, as: UInt8.self)) else { return false }
      index += 1
    }
    return true
  }

  private static func skipWholeCharacters(_ base: UnsafeRawPointer, from start: Int, to end: Int) -> Int {
    var index = start
    while true {
      index = skipASCII(base, from: index, to: end)
      guard index + 3 <= end else { return index }
      let lead = base.load(fromByteOffset: index, as: UInt8.self)
      guard lead > 0xe0, lead < 0xf0, lead != 0xed else { return index }
      let tail = base.loadUnaligned(fromByteOffset: index + 1, as: UInt16.self)
      guard tail & 0xc0c0 == 0x8080 else { return index }
      index += 3
    }
  }

  private static func skipASCII(_ base: UnsafeRawPointer, from start: Int, to end: Int) -> Int {
    let high: UInt64 = 0x8080_8080_8080_8080
    var index = start
    while index + 32 <= end {
      let first = base.loadUnaligned(fromByteOffset: index, as: UInt64.self)
      let second = base.loadUnaligned(fromByteOffset: index + 8, as: UInt64.self)
      let third = base.loadUnaligned(fromByteOffset: index + 16, as: UInt64.self)
      let fourth = base.loadUnaligned(fromByteOffset: index + 24, as: UInt64.self)
      guard (first | second | third | fourth) & high == 0 else { break }
      index += 32
    }
    while index + 8 <= end, base.loadUnaligned(fromByteOffset: index, as: UInt64.self) & high == 0 { index += 8 }
    while index < end, base.load(fromByteOffset: index, as: UInt8.self) < 0x80 { index += 1 }
    return index
  }

  private mutating func step(_ byte: UInt8) -> Bool {
    if remaining == 0 { return begin(byte) }
    guard byte >= lower, byte <= upper else { return false }
    lower = 0x80
    upper = 0xbf
    remaining -= 1
    return true
  }

  /// Table 3-7 of the Unicode standard: no overlong forms, no surrogates, nothing above U+10FFFF.
  private mutating func begin(_ lead: UInt8) -> Bool {
    switch lead {
    case 0x00...0x7f: return true
    case 0xc2...0xdf: remaining = 1
    case 0xe0:
      remaining = 2
      lower = 0xa0
    case 0xed:
      remaining = 2
      upper = 0x9f
    case 0xe1...0xef: remaining = 2
    case 0xf0:
      remaining = 3
      lower = 0x90
    case 0xf1...0xf3: remaining = 3
    case 0xf4:
      remaining = 3
      upper = 0x8f
    default: return false
    }
    return true
  }
}
