import Foundation
import JWTKit
import Testing

@testable import Auth

@Suite struct TokenVerifierTests {
  static func verifier(_ policy: TokenPolicy = TokenPolicy(), cacheCapacity: Int = 0) async throws -> TokenVerifier {
    var keys = KeySet()
    try await keys.add(secret: try TestToken.secret())
    return TokenVerifier(keys: keys, policy: policy, cacheCapacity: cacheCapacity)
  }

  static func reason(_ token: String, _ policy: TokenPolicy = TokenPolicy()) async throws -> TokenError.Reason? {
    do {
      _ = try await verifier(policy).verify(token, now: TestToken.now)
      return nil
    } catch let error as TokenError {
      #expect(token.count < 20 || !error.description.contains(token))
      return error.reason
    }
  }

  struct Claims: Sendable, CustomTestStringConvertible {
    let name: String
    let json: String
    let reason: TokenError.Reason?
    var testDescription: String { name }

    init(_ name: String, _ json: String, _ reason: TokenError.Reason?) {
      self.name = name
      self.json = json
      self.reason = reason
    }
  }

  // The time is 1,800,000,000.
  static let rows: [Claims] = [
    Claims("good", #"{"sub":"u1","type":"access","exp":1800000060}"#, nil),
    Claims("fractions", #"{"sub":"u1","type":"access","exp":1800000060.5,"nbf":1799999999.25}"#, nil),
    Claims("unknown claims", #"{"sub":"u1","type":"access","exp":1800000060,"jti":"x","roles":["a"]}"#, nil),
    Claims("service without sub", #"{"type":"service","scope":"memoir","exp":1800000060}"#, nil),
    Claims("within the leeway after exp", #"{"sub":"u1","type":"access","exp":1799999971}"#, nil),
    Claims("at the end of the leeway", #"{"sub":"u1","type":"access","exp":1799999970}"#, .expired),
    Claims("long expired", #"{"sub":"u1","type":"access","exp":1}"#, .expired),
    Claims("expired and not access nor service", #"{"sub":"u1","type":"refresh","exp":1}"#, .invalid),
    Claims("expired and not yet valid", #"{"sub":"u1","type":"access","exp":1,"nbf":1900000000}"#, .invalid),
    Claims("expired and without sub", #"{"type":"access","exp":1}"#, .expired),
    Claims("no exp", #"{"sub":"u1","type":"access"}"#, .invalid),
    Claims("exp is null", #"{"sub":"u1","type":"access","exp":null}"#, .invalid),
    Claims("exp is a text", #"{"sub":"u1","type":"access","exp":"1800000060"}"#, .invalid),
    Claims("exp in milliseconds", #"{"sub":"u1","type":"access","exp":1800000060000}"#, .invalid),
    Claims("exp is negative", #"{"sub":"u1","type":"access","exp":-1}"#, .invalid),
    Claims("exp is huge", #"{"sub":"u1","type":"access","exp":1e300}"#, .invalid),
    Claims("nbf within the leeway", #"{"sub":"u1","type":"access","exp":1800000060,"nbf":1800000030}"#, nil),
    Claims("nbf after the leeway", #"{"sub":"u1","type":"access","exp":1800000060,"nbf":1800000031}"#, .invalid),
    Claims("nbf is a text", #"{"sub":"u1","type":"access","exp":1800000060,"nbf":"now"}"#, .invalid),
    Claims("no type", #"{"sub":"u1","exp":1800000060}"#, .invalid),
    Claims("refresh token", #"{"sub":"u1","type":"refresh","exp":1800000060}"#, .invalid),
    Claims("type is a number", #"{"sub":"u1","type":1,"exp":1800000060}"#, .invalid),
    Claims("no sub", #"{"type":"access","exp":1800000060}"#, .subjectMissing),
    Claims("empty sub", #"{"sub":"","type":"access","exp":1800000060}"#, .subjectMissing),
    Claims("sub is null", #"{"sub":null,"type":"access","exp":1800000060}"#, .subjectMissing),
    Claims("sub is a number", #"{"sub":7,"type":"access","exp":1800000060}"#, .invalid),
    Claims("sub with NUL", #"{"sub":"a\u0000b","type":"access","exp":1800000060}"#, .invalid),
    Claims(
      "sub too long", "{\"sub\":\"\(String(repeating: "长", count: 86))\",\"type\":\"access\",\"exp\":1800000060}",
      .invalid),
    Claims(
      "sub as long as allowed",
      "{\"sub\":\"\(String(repeating: "a", count: 256))\",\"type\":\"access\",\"exp\":1800000060}", nil),
    Claims("scope is a list", #"{"type":"service","scope":["memoir"],"exp":1800000060}"#, .invalid),
    Claims("an array", "[]", .invalid),
    Claims("not JSON", "sub=u1", .invalid),
    Claims("empty", "", .invalid),
  ]

  @Test(arguments: rows)
  func checksClaims(_ row: Claims) async throws {
    #expect(try await Self.reason(TestToken.hs256(row.json)) == row.reason)
  }

  @Test(
    arguments: [
      (#""iss":"me","aud":"life-echo","#, nil), (#""iss":"me","aud":["other","life-echo"],"#, nil),
      (#""aud":"life-echo","#, .invalid), (#""iss":"you","aud":"life-echo","#, .invalid), (#""iss":"me","#, .invalid),
      (#""iss":"me","aud":"other","#, .invalid), (#""iss":"me","aud":[],"#, .invalid),
      (#""iss":"me","aud":7,"#, .invalid),
    ] as [(String, TokenError.Reason?)])
  func checksIssuerAndAudience(_ claims: String, _ expected: TokenError.Reason?) async throws {
    let token = TestToken.hs256("{\(claims)\"sub\":\"u1\",\"type\":\"access\",\"exp\":1800000060}")
    #expect(try await Self.reason(token, TokenPolicy(issuer: "me", audience: "life-echo")) == expected)
    let withAudience = claims.contains("7")
    #expect(try await Self.reason(token) == (withAudience ? .invalid : nil))
  }

  @Test(arguments: [
    (#"{"alg":"none"}"#, TokenError.Reason.invalid), (#"{"alg":"None"}"#, .invalid), (#"{"alg":"hs256"}"#, .invalid),
    (#"{"alg":"HS512"}"#, .invalid), (#"{"alg":"RS256"}"#, .invalid), (#"{"alg":""}"#, .invalid), ("{}", .invalid),
    (#"{"alg":["HS256"]}"#, .invalid), (#"{"alg":"HS256","crit":["exp"]}"#, .invalid), ("[]", .invalid), ("", .invalid),
  ])
  func refusesHeaders(_ header: String, _ expected: TokenError.Reason) async throws {
    #expect(try await Self.reason(TestToken.hs256(header: header, TestToken.claims)) == expected)
  }

  @Test func acceptsAnyKeyIDForTheSecret() async throws {
    #expect(try await Self.reason(TestToken.hs256(header: #"{"alg":"HS256","kid":"a"}"#, TestToken.claims)) == nil)
  }

  @Test(arguments: [
    "", "a", "a.b", "a.b.c", "..", "a.b.c.d", "Bearer x", "  ", "e30.e30.", "\u{0}.\u{0}.\u{0}", "您.好.吗",
    "====.====.====",
  ])
  func refusesShapes(_ token: String) async throws {
    #expect(try await Self.reason(token) == (token.isEmpty ? .missing : .invalid))
  }

  @Test func refusesUnsignedAndForeignSignatures() async throws {
    let good = TestToken.hs256(TestToken.claims)
    let parts = good.split(separator: ".").map(String.init)
    #expect(try await Self.reason("\(parts[0]).\(parts[1]).") == .invalid)
    #expect(
      try await Self.reason(TestToken.hs256(TestToken.claims, secret: Array(repeating: 7, count: 32))) == .invalid)
    #expect(try await Self.reason(good + "A") == .invalid)
    #expect(try await Self.reason(good + "=") == .invalid)
    #expect(try await Self.reason(String(repeating: "a", count: 10_000)) == .invalid)
    let none = TestToken.signingInput(#"{"alg":"none"}"#, TestToken.claims)
    #expect(try await Self.reason(none + ".") == .invalid)
    #expect(try await Self.reason(none + "." + parts[2]) == .invalid)
  }

  /// Changing any character of a token makes it invalid.
  @Test func refusesTampering() async throws {
    let verifier = try await Self.verifier()
    let good = Array(TestToken.hs256(TestToken.claims).utf8)
    for index in good.indices {
      var bad = good
      bad[index] = bad[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
      await #expect("at \(index)") {
        try await verifier.verify(String(decoding: bad, as: UTF8.self), now: TestToken.now)
      } throws: {
        ($0 as? TokenError)?.reason == .invalid
      }
    }
  }

  @Test func tellsWhoItIs() async throws {
    let verifier = try await Self.verifier()
    let user = try await verifier.verify(TestToken.hs256(TestToken.claims), now: TestToken.now)
    #expect(user == Principal(kind: .access(userID: "u1"), expiry: Date(timeIntervalSince1970: 1_800_000_060)))
    #expect(!user.allows(.conversations))
    #expect(verifier.end(of: user) == Date(timeIntervalSince1970: 1_800_000_090))
    let claims = #"{"sub":"memoir","type":"service","scope":"users  memoir admin","exp":1800000060}"#
    let service = try await verifier.verify(TestToken.hs256(claims), now: TestToken.now)
    #expect(service.kind == .service(scopes: [.users, .memoir]))
    #expect(service.allows(.memoir) && !service.allows(.conversations))
  }

  /// A person's token never gains a service's rights, whatever scope it claims.
  @Test func scopesOfAnAccessTokenDoNotCount() async throws {
    let claims = #"{"sub":"u1","type":"access","scope":"users memoir conversations","exp":1800000060}"#
    let principal = try await Self.verifier().verify(TestToken.hs256(claims), now: TestToken.now)
    #expect(principal.kind == .access(userID: "u1") && Scope.allCases.allSatisfy { !principal.allows($0) })
  }

  @Test func remembersUntilExpiry() async throws {
    let verifier = try await Self.verifier(cacheCapacity: 10)
    let token = TestToken.hs256(TestToken.claims)
    #expect(verifier.cached(token, now: TestToken.now) == nil)
    let principal = try await verifier.verify(token, now: TestToken.now)
    #expect(verifier.cached(token, now: TestToken.now) == principal)
    #expect(verifier.cached(token, now: TestToken.now.addingTimeInterval(89)) == principal)
    let late = TestToken.now.addingTimeInterval(90)
    #expect(verifier.cached(token, now: late) == nil)
    await #expect { try await verifier.verify(token, now: late) } throws: { ($0 as? TokenError)?.reason == .expired }
  }

  @Test func doesNotRememberRefusals() async throws {
    let verifier = try await Self.verifier(cacheCapacity: 10)
    _ = try? await verifier.verify(TestToken.hs256(#"{"exp":1}"#), now: TestToken.now)
    _ = try? await verifier.verify("a.b.c", now: TestToken.now)
    #expect(verifier.cachedTokenCount == 0)
  }

  @Test func boundsTheCache() async throws {
    let verifier = try await Self.verifier(cacheCapacity: 100)
    let tokens = (0..<250).map { TestToken.hs256("{\"sub\":\"u\($0)\",\"type\":\"access\",\"exp\":1800000060}") }
    for token in tokens { _ = try await verifier.verify(token, now: TestToken.now) }
    #expect(verifier.cachedTokenCount == 100)
    #expect(tokens.indices.filter { verifier.cached(tokens[$0], now: TestToken.now) != nil } == Array(150..<250))
  }

  @Test func isSafeFromManyThreads() async throws {
    let verifier = try await Self.verifier(cacheCapacity: 8)
    await withTaskGroup(of: Bool.self) { group in
      for number in 0..<64 {
        group.addTask {
          let token = TestToken.hs256("{\"sub\":\"u\(number % 16)\",\"type\":\"access\",\"exp\":1800000060}")
          let principal = try? await verifier.verify(token, now: TestToken.now)
          return principal?.kind == .access(userID: "u\(number % 16)")
        }
      }
      for await isRight in group { #expect(isRight) }
    }
    #expect(verifier.cachedTokenCount == 8)
  }

  @Test func issuedTokensVerify() async throws {
    let issuer = await TokenIssuer(secret: try TestToken.secret(), issuer: "me", audience: "life-echo")
    let verifier = try await Self.verifier(TokenPolicy(issuer: "me", audience: "life-echo"))
    let access = try await issuer.issue(user: "u1", ttl: .seconds(3600), now: TestToken.now)
    #expect(
      try await verifier.verify(access, now: TestToken.now)
        == Principal(kind: .access(userID: "u1"), expiry: TestToken.now.addingTimeInterval(3600)))
    let service = try await issuer.issue(
      user: nil, type: .service, scopes: [.users, .memoir], ttl: .seconds(60), now: TestToken.now)
    #expect(try await verifier.verify(service, now: TestToken.now).kind == .service(scopes: [.users, .memoir]))
  }
}
