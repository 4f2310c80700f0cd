/// Audio for tests: bytes that carry, near their beginning, a marker line and the words that count as spoken. The built-in
/// synthesiser makes such audio and the built-in recogniser reads it, so a conversation by voice can be played through
/// with no engine at all.
///
/// ```
/// LIFEECHO-TEST-AUDIO
/// 我小时候住在河边
/// ```
/// The words end at a NUL byte or with the bytes. Lines that begin with `!` are directions to the recogniser.
enum TestAudio {
  static let marker = Array("LIFEECHO-TEST-AUDIO\n".utf8)

  /// What `bytes` carry; nil without a marker, or when it is not UTF-8.
  static func script(in bytes: [UInt8]) -> String? {
    let places = min(bytes.count, Limits.markerBytes) - marker.count
    guard places >= 0 else { return nil }
    let place = (0...places).first {
      bytes[$0] == marker[0] && bytes[$0..<$0 + marker.count].elementsEqual(marker)
    }
    guard let place else { return nil }
    return String(validating: bytes[(place + marker.count)...].prefix { $0 != 0 }, as: UTF8.self)
  }

  static func carrying(_ text: String) -> [UInt8] {
    marker + text.utf8 + [0]
  }
}
