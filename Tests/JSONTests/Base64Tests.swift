import JSON
import TestSupport
import Testing

/// What `base64.b64decode` of Python 3 says to each text; nil: it raises.
@Suite struct Base64Tests {
  @Test(
    arguments: [
      ("", []), ("AAAA", [0, 0, 0]), ("QUJD", [65, 66, 67]), ("QUI=", [65, 66]), ("QQ==", [65]), ("QQ", nil),
      ("Q", nil),
      ("QUI", nil), ("QUJDRA", nil), ("QU=I", nil), ("QQ==QUJD", [65]), ("QUI=QUJD", [65, 66]), ("Q=Q=", nil),
      ("=QUJD", [65, 66, 67]), ("QUJD=", [65, 66, 67]), ("QUJD====", [65, 66, 67]), ("QU\nJD", [65, 66, 67]),
      (" Q U J D ", [65, 66, 67]), ("QU!JD", [65, 66, 67]), ("QU-_JD", [65, 66, 67]), ("!!!!", []), ("-_", []),
      ("QUJD\u{e9}", nil), ("QQ==\u{e9}", nil), ("Q===", nil), ("QU==", [65]), ("QQ=!=", [65]), ("QQ=\n=", [65]),
      ("QQ=A=", [65, 0]), ("+/+/", [251, 255, 191]), ("\u{0}QUJD", [65, 66, 67]),
    ] as [(String, [UInt8]?)])
  func likePython(_ text: String, _ bytes: [UInt8]?) {
    #expect(Base64.decode(Array(text.utf8).span) == bytes)
  }

  /// Vectors and groups of four agree with one character at a time, wherever dropped characters and padding stand.
  @Test func agreesWithTheReference() {
    var random = SeededGenerator(seed: 11)
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    for _ in 0..<20_000 {
      var text = (0..<Int.random(in: 0...90, using: &random)).map { _ in alphabet.randomElement(using: &random)! }
      for _ in 0..<Int.random(in: 0...3, using: &random) where !text.isEmpty {
        let place = Int.random(in: 0..<text.count, using: &random)
        text[place] = Array("=\n -_!\u{7f}@[`{".utf8).randomElement(using: &random)!
      }
      for _ in 0..<Int.random(in: 0...3, using: &random) { text.append(UInt8(ascii: "=")) }
      #expect(Base64.decode(text.span) == Self.reference(text), "\(String(decoding: text, as: UTF8.self))")
    }
  }

  /// `binascii.a2b_base64`, not strict.
  private static func reference(_ text: [UInt8]) -> [UInt8]? {
    if text.contains(where: { $0 >= 0x80 }) { return nil }
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var bits: [Bool] = []
    var characters = 0
    var pads = 0
    for byte in text {
      if byte == UInt8(ascii: "=") {
        if characters % 4 >= 2 {
          pads += 1
          if characters % 4 + pads >= 4 { return bytes(bits) }
        }
        continue
      }
      guard let value = alphabet.firstIndex(of: byte) else { continue }
      pads = 0
      characters += 1
      for place in (0..<6).reversed() { bits.append(value >> place & 1 == 1) }
    }
    return characters % 4 == 0 ? bytes(bits) : nil
  }

  private static func bytes(_ bits: [Bool]) -> [UInt8] {
    stride(from: 0, to: bits.count / 8 * 8, by: 8).map { start in
      bits[start..<start + 8].reduce(0) { $0 << 1 | ($1 ? 1 : 0) }
    }
  }
}
