import Crypto
package import Foundation
import JWTKit
import Synchronization

/// Verifies bearer tokens. Thread-safe. A verified token is remembered until it expires, so that a call costs a hash
/// (about 1 µs) instead of a signature and a JSON document (30–100 µs).
package final class TokenVerifier: Sendable {
  private let keys: KeySet
  private let policy: TokenPolicy
  private let cache: Mutex<TokenCache>

  package init(keys: KeySet, policy: TokenPolicy = TokenPolicy(), cacheCapacity: Int = 10_000) {
    self.keys = keys
    self.policy = policy
    cache = Mutex(TokenCache(capacity: min(cacheCapacity, Limits.cachedTokens * 100)))
  }

  package var cachedTokenCount: Int { cache.withLock { $0.count } }

  /// The instant after which a token with this principal is no longer accepted: its `exp` and the leeway.
  package func end(of principal: Principal) -> Date {
    principal.expiry.addingTimeInterval(policy.leeway_s)
  }

  /// The principal of a token that was verified before and has not expired since; nil: call ``verify(_:now:)``.
  package func cached(_ token: String, now: Date = Date()) -> Principal? {
    let key = TokenCache.key(of: token)
    return cached(key, now: now)
  }

  /// - Throws: `TokenError`: TOKEN_MISSING for an empty token, else what is wrong with it.
  package func verify(_ token: String, now: Date = Date()) async throws(TokenError) -> Principal {
    guard !token.isEmpty else { throw TokenError(.missing, "there is no bearer token") }
    let key = TokenCache.key(of: token)
    if let principal = cached(key, now: now) { return principal }
    let parsed = try CompactToken(token)
    guard parsed.header.crit == nil else {
      throw TokenError(.invalid, "the token requires extensions (crit)")
    }
    guard KeySet.algorithmNames.contains(parsed.header.alg) else {
      throw TokenError(.invalid, "alg is not one of HS256, RS256, ES256, EdDSA")
    }
    let candidates = keys.candidates(algorithm: parsed.header.alg, keyID: parsed.header.kid)
    guard !candidates.isEmpty else {
      throw TokenError(.invalid, "no key is configured for the token's alg and kid")
    }
    guard candidates.contains(where: { Self.verifies(parsed, with: $0) }) else {
      throw TokenError(.invalid, "the signature does not verify")
    }
    guard let claims = try? JSONDecoder().decode(TokenClaims.self, from: Data(parsed.payload)) else {
      throw TokenError(.invalid, "the claims are not a JSON object with exp, and type access or service")
    }
    let principal = try policy.principal(of: claims, now: now)
    cache.withLock { $0.insert(principal, for: key) }
    return principal
  }

  private func cached(_ key: SHA256Digest, now: Date) -> Principal? {
    guard let principal = cache.withLock({ $0.principal(for: key) }), policy.accepts(expiry: principal.expiry, now: now)
    else { return nil }
    return principal
  }

  private static func verifies(_ token: CompactToken, with key: VerificationKey) -> Bool {
    (try? key.algorithm.verify(token.signature, signs: token.signed)) ?? false
  }
}
