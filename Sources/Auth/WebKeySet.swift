import Foundation
import JWTKit

/// Reads a JWKS document leniently where RFC 7517 §5 says to ignore, strictly elsewhere.
enum WebKeySet {
  private struct Document: Decodable {
    var keys: [Entry]
  }

  /// A member that is no key we know decodes to nil instead of failing the whole set.
  private struct Entry: Decodable {
    struct Use: Decodable {
      var use: String?
      var key_ops: [String]?
    }

    var key: JWK?
    var use: Use?

    init(from decoder: any Decoder) throws {
      key = try? JWK(from: decoder)
      use = try? Use(from: decoder)
    }

    var verifiesSignatures: Bool {
      if let use = use?.use, use != "sig" { return false }
      if let operations = use?.key_ops, !operations.contains("verify") { return false }
      return true
    }
  }

  static func signatureKeys(_ text: String, path: String) throws(KeyError) -> [(JWK, JWK.Algorithm)] {
    let document: Document
    do {
      document = try JSONDecoder().decode(Document.self, from: Data(text.utf8))
    } catch {
      throw KeyError(path: path, problem: "it is not a JSON Web Key Set ({\"keys\": […]})")
    }
    return document.keys.compactMap { entry in
      guard entry.verifiesSignatures, let key = entry.key, let algorithm = algorithm(of: key),
        key.algorithm == nil || key.algorithm == algorithm
      else { return nil }
      return (key, algorithm)
    }
  }

  private static func algorithm(of key: JWK) -> JWK.Algorithm? {
    switch (key.keyType, key.curve?.rawValue) {
    case (.rsa, _): .rs256
    case (.ecdsa, "P-256"): .es256
    case (.octetKeyPair, "Ed25519"): .eddsa
    default: nil
    }
  }
}
