/// Which runs of four bytes occur in some texts, as a bitmap: answers "surely not in there" in a few nanoseconds.
struct ByteWindows: Sendable {
  private static let width = 4
  /// 2^15 bits for the few thousand windows of the longest history: one in ten is taken by chance, and a phrase has
  /// many windows.
  private static let bits = 15
  private var bitmap = [UInt64](repeating: 0, count: 1 << (bits - 6))

  init(of texts: [[UInt8]]) {
    for text in texts {
      var window: UInt32 = 0
      for (index, byte) in text.enumerated() {
        window = window << 8 | UInt32(byte)
        guard index >= Self.width - 1 else { continue }
        let place = Self.place(window)
        bitmap[place >> 6] |= 1 << UInt64(place & 63)
      }
    }
  }

  /// False: `key` stands in none of the texts. Keys shorter than a window may always be there.
  func mayContain(_ key: ArraySlice<UInt8>) -> Bool {
    var window: UInt32 = 0
    for (index, byte) in zip(0..., key) {
      window = window << 8 | UInt32(byte)
      guard index >= Self.width - 1 else { continue }
      let place = Self.place(window)
      if bitmap[place >> 6] & 1 << UInt64(place & 63) == 0 { return false }
    }
    return true
  }

  private static func place(_ window: UInt32) -> Int { Int((window &* 0x9E37_79B1) >> UInt32(32 - bits)) }
}
