import Foundation

/// A JWS in compact form, taken apart without trusting any of it (RFC 7515 §7.1).
struct CompactToken {
  struct Header: Decodable {
    var alg: String
    var kid: String?
    /// Extensions the signer says must be understood (RFC 7515 §4.1.11). None are, here.
    var crit: [String]?
  }

  let header: Header
  let payload: [UInt8]
  let signature: [UInt8]
  /// What the signature covers: the encoded header, a dot, the encoded payload.
  let signed: [UInt8]

  init(_ token: String) throws(TokenError) {
    let bytes = Array(token.utf8)
    guard bytes.count <= Limits.tokenBytes else {
      throw TokenError(.invalid, "the token is longer than \(Limits.tokenBytes) bytes")
    }
    let parts = bytes.split(separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
    guard parts.count == 3 else {
      throw TokenError(.invalid, "the token does not have three parts separated by dots")
    }
    guard let headerBytes = Self.decodeBase64URL(parts[0]), let payload = Self.decodeBase64URL(parts[1]),
      let signature = Self.decodeBase64URL(parts[2])
    else {
      throw TokenError(.invalid, "a part of the token is not base64url")
    }
    guard let header = try? JSONDecoder().decode(Header.self, from: Data(headerBytes)) else {
      throw TokenError(.invalid, "the token's header is not a JSON object with alg")
    }
    self.header = header
    self.payload = payload
    self.signature = signature
    signed = Array(bytes[..<parts[1].endIndex])
  }

  /// Unpadded base64url (RFC 7515 §2); nil for any other character, length or non-zero spare bits.
  static func decodeBase64URL(_ text: some Collection<UInt8>) -> [UInt8]? {
    guard text.count % 4 != 1 else { return nil }
    var decoded: [UInt8] = []
    decoded.reserveCapacity(text.count * 3 / 4)
    var bits: UInt32 = 0
    var bitCount: UInt32 = 0
    for character in text {
      let value: UInt8
      switch character {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = character - UInt8(ascii: "A")
      case UInt8(ascii: "a")...UInt8(ascii: "z"): value = character - UInt8(ascii: "a") + 26
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = character - UInt8(ascii: "0") + 52
      case UInt8(ascii: "-"): value = 62
      case UInt8(ascii: "_"): value = 63
      default: return nil
      }
      bits = bits << 6 | UInt32(value)
      bitCount += 6
      if bitCount >= 8 {
        bitCount -= 8
        decoded.append(UInt8(truncatingIfNeeded: bits >> bitCount))
        bits &= (1 << bitCount) - 1
      }
    }
    return bits == 0 ? decoded : nil
  }
}
