import Testing

@testable import WebSocket

struct MaskingTests {
  @Test(arguments: 0..<4) func everyLengthAndOffset(offset: Int) {
    let key: [UInt8] = [0x12, 0x9f, 0x00, 0xff]
    let word = key.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
    for count in 0..<140 {
      for shift in [0, 1, 5] {
        let source = (0..<count + shift).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        var target = [UInt8](repeating: 0xaa, count: count + shift + 1)
        source.withUnsafeBytes { source in
          target.withUnsafeMutableBytes { target in
            guard let from = source.baseAddress, let to = target.baseAddress else { return }
            Masking.apply(word, offset: offset, from: from + shift, to: to + shift, count: count)
          }
        }
        let expected = source[shift...].enumerated().map { $1 ^ key[($0 + offset) % 4] }
        #expect(Array(target[shift..<shift + count]) == expected)
        #expect(target[shift + count] == 0xaa)
      }
    }
  }

  @Test func inPlace() {
    let original = (0..<100).map { UInt8($0) }
    var bytes = original
    for _ in 0..<2 {
      bytes.withUnsafeMutableBytes { bytes in
        guard let base = bytes.baseAddress else { return }
        Masking.apply(0xdead_beef, offset: 0, from: base, to: base, count: bytes.count)
      }
    }
    #expect(bytes == original)
  }
}
