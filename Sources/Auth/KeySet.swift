import Foundation
import JWTKit

/// One key with the one algorithm it may be used with. The pairing is made here, from the key, never from a
/// token: a token only selects among keys of the algorithm it names, so a public key cannot serve as an HMAC secret.
struct VerificationKey: Sendable {
  let algorithm: any JWTAlgorithm
  let keyID: String?

  var name: String { algorithm.name }
}

/// The keys tokens may be signed with: an HS256 secret, RS256 / ES256 / EdDSA keys from PEM files, a JWKS file.
package struct KeySet: Sendable {
  static let algorithmNames: Set<String> = ["HS256", "RS256", "ES256", "EdDSA"]

  private(set) var keys: [VerificationKey] = []

  package init() {}

  package var count: Int { keys.count }

  /// The keys to try for a token: of its algorithm, and of its `kid` when the key has one too.
  func candidates(algorithm: String, keyID: String?) -> [VerificationKey] {
    guard Self.algorithmNames.contains(algorithm) else { return [] }
    let sameAlgorithm = keys.filter { $0.name == algorithm }
    guard let keyID else { return sameAlgorithm }
    let exact = sameAlgorithm.filter { $0.keyID == keyID }
    return exact.isEmpty ? sameAlgorithm.filter { $0.keyID == nil } : exact
  }

  /// - Throws: `KeyError` when the secret is shorter than 32 bytes.
  package mutating func add(secret: TokenSecret) async throws(KeyError) {
    let secret = HMACKey(from: secret.bytes)
    try await add(keyID: nil, origin: "secret") { collection in
      await collection.add(hmac: secret, digestAlgorithm: .sha256)
    }
  }

  /// Adds every key of a PEM file: public keys, certificates, or private keys (whose public half is used).
  package mutating func add(pemFile path: String) async throws(KeyError) {
    let blocks = PEMBlocks(try KeyFile.text(at: path)).blocks
    guard !blocks.isEmpty else {
      throw KeyError(path: path, problem: "it has no PEM block (-----BEGIN PUBLIC KEY-----)")
    }
    for block in blocks { try await add(pem: block, origin: path) }
  }

  /// Adds the signature keys of a JSON Web Key Set (RFC 7517 §5). Keys of other types, for other uses or with other
  /// algorithms are passed over, as §5 asks.
  package mutating func add(jwksFile path: String) async throws(KeyError) {
    let text = try KeyFile.text(at: path)
    let countBefore = keys.count
    for (jwk, algorithm) in try WebKeySet.signatureKeys(text, path: path) {
      let keyID = jwk.keyIdentifier?.string
      var jwk = jwk
      jwk.algorithm = algorithm
      jwk.keyIdentifier = "key"
      let named = jwk
      try await add(keyID: keyID, origin: path) { collection in try await collection.add(jwk: named) }
    }
    guard keys.count > countBefore else {
      throw KeyError(path: path, problem: "it has no key for RS256, ES256 or EdDSA")
    }
  }

  private mutating func add(pem: String, origin: String) async throws(KeyError) {
    if let key = PEMBlocks.rsaKey(pem) {
      try await add(keyID: nil, origin: origin) { await $0.add(rsa: key, digestAlgorithm: .sha256) }
    } else if let key = PEMBlocks.p256Key(pem) {
      try await add(keyID: nil, origin: origin) { await $0.add(ecdsa: key) }
    } else if let key = PEMBlocks.ed25519Key(pem) {
      try await add(keyID: nil, origin: origin) { await $0.add(eddsa: key) }
    } else {
      throw KeyError(path: origin, problem: "it is not an RSA key of 2048 bits or more, a P-256 key or an Ed25519 key")
    }
  }

  private mutating func add(
    keyID: String?, origin: String, _ addKey: (JWTKeyCollection) async throws -> Void
  ) async throws(KeyError) {
    guard keys.count < Limits.keys else {
      throw KeyError(path: origin, problem: "more than \(Limits.keys) keys are configured")
    }
    let collection = JWTKeyCollection()
    do {
      try await addKey(collection)
      keys.append(VerificationKey(algorithm: try await collection.getKey(), keyID: keyID))
    } catch {
      throw KeyError(path: origin, problem: "the key cannot be used: \(error)")
    }
  }
}
