package import Foundation
import JWTKit

/// Signs tokens with the service's own secret (HS256): `lifeecho token`, tests, and the bridge's service token.
package struct TokenIssuer: Sendable {
  package enum TokenType: String, Sendable, CaseIterable {
    case access
    case service
  }

  private let keys: JWTKeyCollection
  private let issuer: String?
  private let audience: String?

  /// `issuer` and `audience` are written into every token, to satisfy a verifier configured with them.
  package init(secret: TokenSecret, issuer: String? = nil, audience: String? = nil) async {
    keys = JWTKeyCollection()
    await keys.add(hmac: HMACKey(from: secret.bytes), digestAlgorithm: .sha256)
    self.issuer = issuer
    self.audience = audience
  }

  /// - Parameters:
  ///   - user: the `sub`; nil only makes sense for a service.
  ///   - scopes: written for a service token alone.
  package func issue(
    user: String?, type: TokenType = .access, scopes: Set<Scope> = [], ttl: Duration, now: Date = Date()
  ) async throws -> String {
    let issuedAt = now.timeIntervalSince1970.rounded(.down)
    let claims = TokenClaims(
      subject: user,
      type: type == .access ? .access : .service,
      scope: type == .service ? scopes.map(\.rawValue).sorted().joined(separator: " ") : nil,
      expiry: (issuedAt + ttl / .seconds(1)).rounded(.down),
      issuedAt: issuedAt,
      issuer: issuer,
      audience: audience.map { TokenClaims.Audience(values: [$0]) })
    return try await keys.sign(claims)
  }
}
