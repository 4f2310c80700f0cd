import Foundation
import JWTKit

/// The PEM blocks of a file (RFC 7468), and the keys they may hold.
struct PEMBlocks {
  let blocks: [String]

  init(_ text: String) {
    var blocks: [String] = []
    var lines: [Substring]?
    for line in text.split(whereSeparator: \.isNewline) {
      if line.hasPrefix("-----BEGIN ") {
        lines = [line]
      } else if let begun = lines {
        lines = begun + [line]
        if line.hasPrefix("-----END ") {
          blocks.append((begun + [line]).joined(separator: "\n"))
          lines = nil
        }
      }
    }
    // `openssl ecparam -genkey` writes the curve before the key; it says nothing that the key does not.
    self.blocks = blocks.filter { !$0.hasPrefix("-----BEGIN EC PARAMETERS") }
  }

  static func rsaKey(_ pem: String) -> Insecure.RSA.PublicKey? {
    (try? Insecure.RSA.PublicKey(pem: pem)) ?? (try? Insecure.RSA.PublicKey(certificatePEM: pem))
      ?? (try? Insecure.RSA.PrivateKey(pem: pem))?.publicKey
  }

  static func p256Key(_ pem: String) -> ES256PublicKey? {
    (try? ES256PublicKey(pem: pem)) ?? (try? ES256PublicKey(certificate: pem))
      ?? (try? ES256PrivateKey(pem: pem))?.publicKey
  }

  static func ed25519Key(_ pem: String) -> EdDSA.PublicKey? {
    (try? EdDSA.PublicKey(pem: pem)) ?? (try? EdDSA.PrivateKey(pem: pem))?.publicKey
  }
}
