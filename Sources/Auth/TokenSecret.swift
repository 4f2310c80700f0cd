import Foundation

/// The HS256 secret, of at least 32 bytes (RFC 7518 §3.2). Its description hides it.
package struct TokenSecret: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
  let bytes: [UInt8]

  /// - Throws: `KeyError` naming `origin` when the secret is too short.
  package init(_ bytes: [UInt8], origin: String = "secret") throws(KeyError) {
    guard bytes.count >= Limits.secretBytes_min else {
      throw KeyError(
        path: origin,
        problem: "the secret has \(bytes.count) bytes, HS256 needs \(Limits.secretBytes_min) or more"
          + " (openssl rand -hex 32)")
    }
    self.bytes = bytes
  }

  private init(unchecked bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// A fresh one, for a token that never leaves the process.
  package static func random() -> TokenSecret {
    var generator = SystemRandomNumberGenerator()
    return TokenSecret(
      unchecked: (0..<Limits.secretBytes_min).map { _ in UInt8.random(in: 0...255, using: &generator) })
  }

  package var description: String { "TokenSecret(\(bytes.count) bytes)" }
  package var customMirror: Mirror { Mirror(self, children: []) }

  /// 64 hexadecimal digits: the text itself is the secret, so that any other tool can sign with the file's line.
  var hexadecimal: String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
