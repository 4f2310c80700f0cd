import Foundation

/// What a token with a good signature must say (RFC 7519 §4.1, design §5). Pure: the time comes in.
package struct TokenPolicy: Sendable, Equatable {
  /// Required `iss`, if any.
  package var issuer: String?
  /// Required member of `aud`, if any.
  package var audience: String?
  /// Clocks that differ by this much are tolerated, in `exp` and `nbf`.
  package var leeway: Duration

  package init(issuer: String? = nil, audience: String? = nil, leeway: Duration = .seconds(30)) {
    self.issuer = issuer
    self.audience = audience
    self.leeway = leeway
  }

  var leeway_s: Double { leeway / .seconds(1) }

  /// Whether a token with this `exp` is still accepted.
  func accepts(expiry: Date, now: Date) -> Bool {
    now.timeIntervalSince1970 < expiry.timeIntervalSince1970 + leeway_s
  }

  /// Validity first, then expiry (so that TOKEN_EXPIRED means "would do, if it were newer"), then the subject.
  func principal(of claims: TokenClaims, now: Date) throws(TokenError) -> Principal {
    let now_s = now.timeIntervalSince1970
    for time in [claims.expiry, claims.notBefore, claims.issuedAt] {
      if let time, !(time.isFinite && time >= 0 && time <= Limits.epochSeconds_max) {
        throw TokenError(.invalid, "exp, nbf and iat are seconds since 1970")
      }
    }
    if let notBefore = claims.notBefore, notBefore > now_s + leeway_s {
      throw TokenError(.invalid, "the token is not valid yet (nbf)")
    }
    if let issuer, claims.issuer != issuer {
      throw TokenError(.invalid, "iss is not the configured issuer")
    }
    if let audience, claims.audience?.values.contains(audience) != true {
      throw TokenError(.invalid, "aud does not name the configured audience")
    }
    if let subject = claims.subject {
      guard subject.utf8.count <= Limits.subjectBytes, !subject.unicodeScalars.contains(where: { $0.value < 0x20 })
      else {
        throw TokenError(.invalid, "sub is longer than \(Limits.subjectBytes) bytes or has control characters")
      }
    }
    let expiry = Date(timeIntervalSince1970: claims.expiry)
    guard accepts(expiry: expiry, now: now) else {
      throw TokenError(.expired, "the token expired (exp)")
    }
    switch claims.type {
    case .access:
      guard let subject = claims.subject, !subject.isEmpty else {
        throw TokenError(.subjectMissing, "the token has no sub")
      }
      return Principal(kind: .access(userID: subject), expiry: expiry)
    case .service:
      let scopes = (claims.scope ?? "").split(separator: " ").compactMap { Scope(rawValue: String($0)) }
      return Principal(kind: .service(scopes: Set(scopes)), expiry: expiry)
    }
  }
}
