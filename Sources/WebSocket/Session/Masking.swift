/// The XOR of RFC 6455 §5.3, 32 bytes at a time. Masking and unmasking are the same.
enum Masking {
  /// Writes `count` bytes of `source` to `target`, which may be the same place. `key` is the four bytes of the wire in
  /// memory order; `offset` is how many bytes of the payload came before.
  static func apply(
    _ key: UInt32, offset: Int, from source: UnsafeRawPointer, to target: UnsafeMutableRawPointer, count: Int
  ) {
    let key = rotated(key, offset)
    let wide = UInt64(key) | UInt64(key) << 32
    var index = 0
    while index + 32 <= count {
      let first = source.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ wide
      let second = source.loadUnaligned(fromByteOffset: index + 8, as: UInt64.self) ^ wide
      let third = source.loadUnaligned(fromByteOffset: index + 16, as: UInt64.self) ^ wide
      let fourth = source.loadUnaligned(fromByteOffset: index + 24, as: UInt64.self) ^ wide
      target.storeBytes(of: first, toByteOffset: index, as: UInt64.self)
      target.storeBytes(of: second, toByteOffset: index + 8, as: UInt64.self)
      target.storeBytes(of: third, toByteOffset: index + 16, as: UInt64.self)
      target.storeBytes(of: fourth, toByteOffset: index + 24, as: UInt64.self)
      index += 32
    }
    while index + 8 <= count {
      let word = source.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ wide
      target.storeBytes(of: word, toByteOffset: index, as: UInt64.self)
      index += 8
    }
    while index < count {
      let shift = UInt64(index & 7) << 3
      let byte = source.load(fromByteOffset: index, as: UInt8.self) ^ UInt8(truncatingIfNeeded: wide >> shift)
      target.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
      index += 1
    }
  }

  /// The key as it stands when `offset` bytes of the payload have gone by (little-endian machines only, as all of
  /// Swift's Linux ones are).
  static func rotated(_ key: UInt32, _ offset: Int) -> UInt32 {
    let shift = UInt32(offset & 3) << 3
    return shift == 0 ? key : key >> shift | key << (32 - shift)
  }
}
