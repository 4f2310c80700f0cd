import Testing

@testable import WebSocket

struct UTF8ValidatorTests {
  private func isValid(_ bytes: [UInt8], cut: Int = 0) -> Bool {
    var validator = UTF8Validator()
    let parts = [Array(bytes.prefix(cut)), Array(bytes.dropFirst(cut))]
    for part in parts where !part.withUnsafeBytes({ validator.accepts($0) }) { return false }
    return validator.isComplete
  }

  /// Edges of every range of the Unicode standard's table 3-7, and the classic mistakes.
  static let cases: [[UInt8]] = [
    [], [0x00], [0x7f], [0x80], [0xbf], [0xc0, 0x80], [0xc1, 0xbf], [0xc2, 0x80], [0xc2], [0xdf, 0xbf], [0xdf, 0xc0],
    [0xe0, 0x9f, 0xbf], [0xe0, 0xa0, 0x80], [0xe1, 0x80], [0xec, 0xbf, 0xbf], [0xed, 0x9f, 0xbf], [0xed, 0xa0, 0x80],
    [0xed, 0xbf, 0xbf], [0xee, 0x80, 0x80], [0xef, 0xbf, 0xbf], [0xef, 0xbf, 0xbe], [0xf0, 0x8f, 0xbf, 0xbf],
    [0xf0, 0x90, 0x80, 0x80], [0xf3, 0xbf, 0xbf, 0xbf], [0xf4, 0x8f, 0xbf, 0xbf], [0xf4, 0x90, 0x80, 0x80],
    [0xf5, 0x80, 0x80, 0x80], [0xfe], [0xff], [0xe5, 0xae, 0xb6, 0x80], [0xe5, 0x61, 0x61], [0xe5, 0xae, 0x61],
    Array("我1952年生在绍兴 ☔️👵🏻".utf8), Array(String(repeating: "a", count: 100).utf8) + [0xe5, 0xae],
  ]

  @Test(arguments: cases) func agreesWithTheStandardLibrary(bytes: [UInt8]) {
    let expected = String(validating: bytes, as: UTF8.self) != nil
    for cut in 0...bytes.count { #expect(isValid(bytes, cut: cut) == expected, "cut at \(cut)") }
  }

  @Test func agreesOnRandomBytes() {
    var random = SystemRandomNumberGenerator()
    let alphabet: [[UInt8]] = [
      [0x61], Array("abcdefgh".utf8), Array("一二三".utf8), Array("é".utf8), Array("👵".utf8), [0xe5], [0x80],
      [0xed, 0xa0],
      [0xf4], [0xff],
    ]
    for _ in 0..<3_000 {
      let wild = Bool.random(using: &random)
      var bytes: [UInt8] = []
      for _ in 0..<Int.random(in: 0..<40, using: &random) {
        bytes += alphabet[Int.random(in: 0..<(wild ? alphabet.count : 5), using: &random)]
      }
      let expected = String(validating: bytes, as: UTF8.self) != nil
      #expect(isValid(bytes, cut: Int.random(in: 0...bytes.count, using: &random)) == expected, "\(bytes)")
    }
  }

  @Test func saysNoAtTheFirstWrongByte() {
    var validator = UTF8Validator()
    let good: [UInt8] = Array("年".utf8) + [0xf4]
    let first = good.withUnsafeBytes { validator.accepts($0) }
    let second = [UInt8(0x90)].withUnsafeBytes { validator.accepts($0) }
    #expect([first, second] == [true, false])
  }

  /// RFC 6455 §8.1 with the Autobahn suite's 6.4: a text fails as soon as it cannot become valid.
  @Test func invalidTextFailsBeforeTheMessageIsComplete() {
    var subject = Subject()
    let bytes = Frame(opcode: 1, payload: Array("κόσμε".utf8) + [0xf4, 0x90, 0x80, 0x80, 0x65]).bytes()
    // Header 2, key 4, eleven good bytes, f4: the next one decides.
    #expect(subject.feed(Array(bytes[..<(6 + 12 - 1)])) == [])
    #expect(subject.feed(Array(bytes[(6 + 12 - 1)...(6 + 12)])) == [.ended(1007, clean: false)])
    var fragment = Subject()
    #expect(fragment.feed(Frame(isFinal: false, opcode: 1, payload: [0xff])) == [.ended(1007, clean: false)])
    var cut = Subject()
    #expect(cut.feed(Frame(opcode: 1, payload: [0xe5, 0xae])) == [.ended(1007, clean: false)])
    var binary = Subject()
    #expect(binary.feed(Frame.binary([0xff])) == [.binary([0xff])])
  }
}
