import Crypto
import Foundation
import JWTKit

@testable import Auth

/// Tokens with any header and claims, signed with any key: what an attacker or another library may send.
enum TestToken {
  static let now = Date(timeIntervalSince1970: 1_800_000_000)
  static let secretBytes = Array("0123456789abcdef0123456789abcdef".utf8)

  static func secret() throws -> TokenSecret { try TokenSecret(secretBytes) }

  static func encode(_ bytes: some Sequence<UInt8>) -> String {
    var text = ""
    for character in Data(bytes).base64EncodedString() {
      switch character {
      case "+": text += "-"
      case "/": text += "_"
      case "=": break
      default: text.append(character)
      }
    }
    return text
  }

  static func signingInput(_ header: String, _ claims: String) -> String {
    "\(encode(header.utf8)).\(encode(claims.utf8))"
  }

  static func hs256(
    header: String = #"{"alg":"HS256","typ":"JWT"}"#, _ claims: String, secret: [UInt8] = secretBytes
  ) -> String {
    let input = signingInput(header, claims)
    let code = HMAC<SHA256>.authenticationCode(for: Array(input.utf8), using: SymmetricKey(data: secret))
    return "\(input).\(encode(code))"
  }

  static func signed(header: String, _ claims: String, with algorithm: any JWTAlgorithm) throws -> String {
    let input = signingInput(header, claims)
    return "\(input).\(encode(try algorithm.sign(Array(input.utf8))))"
  }

  static let claims = #"{"sub":"u1","type":"access","exp":1800000060}"#
}
