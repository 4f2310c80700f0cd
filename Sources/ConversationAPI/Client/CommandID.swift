import Synchronization

/// The request ids that make a client's commands idempotent: UUIDs.
package enum CommandID {
  /// The same for all that this process makes.
  private static let high = UInt64.random(in: .min ... .max)
  private static let made = Atomic<UInt64>(0)

  /// A new one: a random half and a number (UUID version 8). Nobody gains by guessing it, and asking the kernel for
  /// every one took a microsecond of the bridge's thirty for a text turn.
  package static func next() -> String {
    text(high: high, low: made.add(1, ordering: .relaxed).newValue, version: 8)
  }

  /// The one that a client's own message id stands for: itself when it is a UUID, else a hash of it and its conversation
  /// (FNV-1a with 128 bits, as UUID version 8). Whoever makes two own ids collide gets their own earlier answer.
  package static func of(clientMessage id: String, in conversation: String) -> String {
    if let uuid = canonical(id) { return uuid }
    var hash: UInt128 = 0x6C62_272E_07BB_0142_62B8_2175_6295_C58D
    for byte in [conversation, "\0", id].flatMap(\.utf8) {
      hash ^= UInt128(byte)
      hash = hash &* 0x0000_0000_0100_0000_0000_0000_0000_013B
    }
    return text(high: UInt64(truncatingIfNeeded: hash >> 64), low: UInt64(truncatingIfNeeded: hash), version: 8)
  }

  /// Lower case; nil when it is no UUID.
  private static func canonical(_ id: String) -> String? {
    guard id.utf8.count == 36 else { return nil }
    for (place, byte) in id.utf8.enumerated() {
      let isHyphen = place == 8 || place == 13 || place == 18 || place == 23
      guard isHyphen ? byte == UInt8(ascii: "-") : Unicode.Scalar(byte).properties.isASCIIHexDigit else { return nil }
    }
    return id.lowercased()
  }

  private static func text(high: UInt64, low: UInt64, version: UInt64) -> String {
    let high = high & ~0xF000 | version << 12
    let low = low & ~(3 << 62) | 2 << 62
    return String(unsafeUninitializedCapacity: 36) { target in
      var place = 0
      for digit in 0..<32 {
        if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
          target[place] = UInt8(ascii: "-")
          place += 1
        }
        let word = digit < 16 ? high : low
        let value = UInt8(truncatingIfNeeded: word >> UInt64(60 - (digit & 15) * 4)) & 15
        target[place] = value + (value < 10 ? 48 : 87)
        place += 1
      }
      return 36
    }
  }
}
