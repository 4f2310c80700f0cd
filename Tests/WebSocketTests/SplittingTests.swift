import TestSupport
import Testing

@testable import WebSocket

/// However the bytes are cut into reads, a session hears and says the same; and whatever the bytes are, it survives.
struct SplittingTests {
  /// xorshift64*: a run can be repeated from its seed.

  private static let compressed: [[UInt8]] = DeflateTests.examples.map { $0.payloads[0] }

  private func stream(_ dice: inout SeededGenerator) -> [UInt8] {
    var bytes: [UInt8] = []
    for _ in 0..<Int.random(in: 1...8, using: &dice) {
      let isFinal = Int.random(in: 0..<4, using: &dice) > 0
      let text = ["", "a", "生于一九五二年", String(repeating: "家", count: 60)][Int.random(in: 0..<4, using: &dice)]
      let frame: Frame =
        switch Int.random(in: 0..<8, using: &dice) {
        case 0: .ping([1, 2, 3])
        case 1: .pong([0, 0, 0, 0, 0, 0, 0, 9])
        case 2, 3: .more(text, isFinal: isFinal)
        case 4: .compressed(Self.compressed[Int.random(in: 0..<Self.compressed.count, using: &dice)])
        case 5: .binary([0xff, 0x00], isFinal: isFinal)
        default: .text(text, isFinal: isFinal)
        }
      bytes += frame.bytes(key: (0..<4).map { _ in UInt8.random(in: 0...255, using: &dice) })
    }
    if Bool.random(using: &dice) { bytes += Frame.close(1000).bytes() }
    // A quarter of the streams is damaged.
    if Int.random(in: 0..<4, using: &dice) == 0 {
      let place = bytes.indices.randomElement(using: &dice) ?? 0
      bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &dice)
    }
    return bytes
  }

  /// Compressed text that is corrupt and whose intact part is not UTF-8 either fails for whichever is seen first, and
  /// that depends on the cuts: both are 1007.
  private func blamed(_ said: [Frame]) -> [Frame] {
    said.map { frame in
      let reasons = ["text is not UTF-8", "compressed data is corrupt"]
      return frame.code == 1007 && reasons.contains(frame.text) ? .close(1007, reasons[0]) : frame
    }
  }

  @Test func everyWayToCutAStream() {
    let seed = UInt64.random(in: 1...UInt64.max)
    var dice = SeededGenerator(seed: seed)
    var ends = 0
    for round in 0..<1_500 {
      let bytes = stream(&dice)
      var whole = Subject(deflate: DeflateTests.full)
      let heard = whole.feed(bytes)
      let said = blamed(whole.said())
      if let last = heard.last, case .ended = last { ends += 1 }
      var cut = Subject(deflate: DeflateTests.full)
      var heardInPieces: [Heard] = []
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = Int.random(in: 1...min(rest.count, 20), using: &dice)
        heardInPieces += cut.feed(Array(rest.prefix(count)))
        rest = rest.dropFirst(count)
      }
      let saidInPieces = blamed(cut.said())
      #expect(heardInPieces == heard, "seed \(seed), round \(round)")
      #expect(saidInPieces == said, "seed \(seed), round \(round)")
    }
    #expect(ends > 500)
  }

  @Test func noise() {
    let seed = UInt64.random(in: 1...UInt64.max)
    var dice = SeededGenerator(seed: seed)
    for _ in 0..<3_000 {
      var subject = Subject(Bool.random(using: &dice) ? .server : .client, deflate: DeflateTests.full)
      var bytes = (0..<Int.random(in: 1...60, using: &dice)).map { _ in UInt8.random(in: 0...255, using: &dice) }
      // Most first bytes are refused at once: begin with one that is not.
      bytes[0] = [0x81, 0x82, 0xc1, 0x01, 0x89, 0x88][Int.random(in: 0..<6, using: &dice)]
      let heard = subject.feed(bytes, step: 7)
      let endings = heard.filter { if case .ended = $0 { true } else { false } }
      #expect(endings.count <= 1, "seed \(seed)")
    }
  }
}
