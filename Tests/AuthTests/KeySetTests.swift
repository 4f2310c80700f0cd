import Foundation
import JWTKit
import Testing

@testable import Auth

/// Keys as operators make them, with openssl, and the confusions that attackers try with them.
@Suite final class KeySetTests {
  let openssl: OpenSSL

  init() throws {
    openssl = try OpenSSL()
    try openssl.run("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "rsa.pem")
    try openssl.run("rsa", "-in", "rsa.pem", "-pubout", "-out", "rsa.pub.pem")
    try openssl.run("ecparam", "-name", "prime256v1", "-genkey", "-out", "ec.pem")
    try openssl.run("ec", "-in", "ec.pem", "-pubout", "-out", "ec.pub.pem")
    try openssl.run("genpkey", "-algorithm", "ED25519", "-out", "ed.pem")
    try openssl.run("pkey", "-in", "ed.pem", "-pubout", "-out", "ed.pub.pem")
  }

  deinit {
    openssl.remove()
  }

  private func signer(_ name: String) async throws -> any JWTAlgorithm {
    let collection = JWTKeyCollection()
    switch name {
    case "RS256":
      await collection.add(rsa: try Insecure.RSA.PrivateKey(pem: openssl.text("rsa.pem")), digestAlgorithm: .sha256)
    case "ES256":
      await collection.add(ecdsa: try ES256PrivateKey(pem: PEMBlocks(openssl.text("ec.pem")).blocks[0]))
    default: await collection.add(eddsa: try EdDSA.PrivateKey(pem: openssl.text("ed.pem")))
    }
    return try await collection.getKey()
  }

  private func token(_ algorithm: String, keyID: String? = nil) async throws -> String {
    let kid = keyID.map { ",\"kid\":\"\($0)\"" } ?? ""
    return try TestToken.signed(
      header: "{\"alg\":\"\(algorithm)\"\(kid)}", TestToken.claims, with: try await signer(algorithm))
  }

  private func accepts(_ token: String, _ keys: KeySet) async -> Bool {
    (try? await TokenVerifier(keys: keys).verify(token, now: TestToken.now)) != nil
  }

  static let algorithms = [("RS256", "rsa"), ("ES256", "ec"), ("EdDSA", "ed")]

  @Test(arguments: algorithms)
  func verifiesWithPublicAndPrivateKeyFiles(_ algorithm: String, _ name: String) async throws {
    let token = try await token(algorithm)
    for file in ["\(name).pub.pem", "\(name).pem"] {
      var keys = KeySet()
      try await keys.add(pemFile: openssl.path(file))
      #expect(await accepts(token, keys), "\(file)")
      #expect(keys.candidates(algorithm: algorithm, keyID: nil).count == 1)
    }
  }

  @Test(arguments: [("RS256", "rsa"), ("ES256", "ec")])
  func verifiesWithCertificates(_ algorithm: String, _ name: String) async throws {
    try openssl.run(
      "req", "-x509", "-new", "-key", "\(name).pem", "-subj", "/CN=test", "-days", "2", "-out", "cert.pem")
    var keys = KeySet()
    try await keys.add(pemFile: openssl.path("cert.pem"))
    #expect(await accepts(try await token(algorithm), keys))
  }

  @Test func verifiesWithAnyKeyOfAFile() async throws {
    let all = try ["rsa.pub.pem", "ec.pub.pem", "ed.pub.pem"].map { try openssl.text($0) }.joined()
    var keys = KeySet()
    try await keys.add(pemFile: try openssl.write(all, to: "all.pem"))
    for (algorithm, _) in Self.algorithms { #expect(await accepts(try await token(algorithm), keys), "\(algorithm)") }
    #expect(!(await accepts(TestToken.hs256(TestToken.claims), keys)))
  }

  /// CVE-2015-9235: the public key, which everyone knows, used as an HMAC secret.
  @Test(arguments: ["rsa", "ec", "ed"])
  func refusesAPublicKeyAsSecret(_ name: String) async throws {
    var keys = KeySet()
    try await keys.add(pemFile: openssl.path("\(name).pub.pem"))
    try await keys.add(secret: try TestToken.secret())
    let pem = try openssl.text("\(name).pub.pem")
    let trimmed = pem.trimmingCharacters(in: .whitespacesAndNewlines)
    let der = Data(base64Encoded: trimmed.split(separator: "\n").dropFirst().dropLast().joined()) ?? Data()
    for secret in [Array(pem.utf8), Array(trimmed.utf8), Array(der)] {
      #expect(!(await accepts(TestToken.hs256(TestToken.claims, secret: secret), keys)))
    }
  }

  /// A signature of one algorithm under the name of another.
  @Test func refusesAnotherAlgorithmsName() async throws {
    var keys = KeySet()
    for name in ["rsa", "ec", "ed"] { try await keys.add(pemFile: openssl.path("\(name).pub.pem")) }
    try await keys.add(secret: try TestToken.secret())
    for (signing, _) in Self.algorithms {
      for named in ["RS256", "ES256", "EdDSA", "HS256", "PS256", "RS512", "none"] where named != signing {
        let header = "{\"alg\":\"\(named)\"}"
        let token = try TestToken.signed(header: header, TestToken.claims, with: try await signer(signing))
        #expect(!(await accepts(token, keys)), "\(signing) as \(named)")
      }
    }
  }

  /// A key within the token's header is the attacker's key.
  @Test func ignoresKeysWithinTokens() async throws {
    var keys = KeySet()
    try await keys.add(pemFile: openssl.path("ec.pub.pem"))
    let pem = try openssl.text("rsa.pub.pem").split(separator: "\n").joined()
    let header = "{\"alg\":\"RS256\",\"jwk\":{\"kty\":\"RSA\"},\"jku\":\"http://x/\",\"x5c\":[\"\(pem)\"]}"
    let token = try TestToken.signed(header: header, TestToken.claims, with: try await signer("RS256"))
    #expect(!(await accepts(token, keys)))
  }

  private func jwks(_ entries: String...) throws -> String {
    try openssl.write("{\"keys\":[\(entries.joined(separator: ","))]}", to: "keys.json")
  }

  /// The public halves of the openssl keys as JWK, from the DER that openssl prints.
  private func jwk(_ algorithm: String, extra: String) throws -> String {
    switch algorithm {
    case "RS256":
      let modulus = try openssl.run("rsa", "-in", "rsa.pem", "-noout", "-modulus").dropFirst("Modulus=".count)
      let digits = Array(modulus.filter(\.isHexDigit))
      let bytes = stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0...($0 + 1)]), radix: 16) ?? 0 }
      return "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"\(TestToken.encode(bytes))\"\(extra)}"
    case "ES256":
      try openssl.run("ec", "-in", "ec.pem", "-pubout", "-outform", "DER", "-out", "ec.der")
      let point = try Data(contentsOf: URL(fileURLWithPath: openssl.path("ec.der"))).suffix(64)
      let (x, y) = (TestToken.encode(point.prefix(32)), TestToken.encode(point.suffix(32)))
      return "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"\(x)\",\"y\":\"\(y)\"\(extra)}"
    default:
      try openssl.run("pkey", "-in", "ed.pem", "-pubout", "-outform", "DER", "-out", "ed.der")
      let x = TestToken.encode(try Data(contentsOf: URL(fileURLWithPath: openssl.path("ed.der"))).suffix(32))
      return "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"\(x)\"\(extra)}"
    }
  }

  @Test(arguments: algorithms)
  func verifiesWithAKeySet(_ algorithm: String, _: String) async throws {
    for extra in ["", ",\"alg\":\"\(algorithm)\"", ",\"kid\":\"k1\",\"use\":\"sig\"", ",\"key_ops\":[\"verify\"]"] {
      var keys = KeySet()
      try await keys.add(jwksFile: try jwks("{\"kty\":\"oct\",\"k\":\"AAAA\"}", jwk(algorithm, extra: extra)))
      #expect(await accepts(try await token(algorithm), keys), "\(extra)")
      #expect(await accepts(try await token(algorithm, keyID: "k1"), keys), "\(extra)")
      #expect(await accepts(try await token(algorithm, keyID: "k2"), keys) == !extra.contains("kid"), "\(extra)")
    }
  }

  @Test(arguments: [",\"use\":\"enc\"", ",\"key_ops\":[\"encrypt\"]", ",\"alg\":\"RS512\""])
  func passesOverKeysForOtherUses(_ extra: String) async throws {
    var keys = KeySet()
    let path = try jwks(jwk("RS256", extra: extra))
    await #expect(throws: KeyError.self) { try await keys.add(jwksFile: path) }
    #expect(keys.count == 0)
  }

  @Test(arguments: [
    ("", "no PEM block"), ("hello", "no PEM block"),
    ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "not an RSA key"),
    ("-----BEGIN PUBLIC KEY-----\nAAAA\n", "no PEM block"),
  ])
  func saysWhatIsWrongWithAKeyFile(_ text: String, _ problem: String) async throws {
    var keys = KeySet()
    let path = try openssl.write(text, to: "bad.pem")
    await #expect { try await keys.add(pemFile: path) } throws: { "\($0)".contains(problem) && "\($0)".contains(path) }
  }

  @Test func refusesWeakAndMissingKeys() async throws {
    try openssl.run("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", "weak.pem")
    var keys = KeySet()
    let (weak, missing) = (openssl.path("weak.pem"), openssl.path("missing.pem"))
    await #expect { try await keys.add(pemFile: weak) } throws: { "\($0)".contains("2048") }
    await #expect { try await keys.add(pemFile: missing) } throws: { "\($0)".contains("No such file or directory") }
    let p384 = openssl.path("p384.pem")
    try openssl.run("ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", "p384.pem")
    await #expect(throws: KeyError.self) { try await keys.add(pemFile: p384) }
  }

  @Test func boundsTheNumberOfKeys() async throws {
    var keys = KeySet()
    for _ in 0..<Limits.keys { try await keys.add(secret: .random()) }
    await #expect(throws: KeyError.self) { try await keys.add(secret: .random()) }
  }
}
