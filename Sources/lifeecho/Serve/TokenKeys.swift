import Auth
import Operations

/// The keys that tokens are verified with, from the configuration.
enum TokenKeys {
  static func load(_ configuration: ServiceConfiguration, secret: TokenSecret) async throws -> TokenVerifier {
    var keys = KeySet()
    try await keys.add(secret: secret)
    do {
      for file in configuration.jwt.keyFiles { try await keys.add(pemFile: file) }
    } catch {
      throw CommandFailure("jwt.key_files: \(error)")
    }
    do {
      if let file = configuration.jwt.jwksFile { try await keys.add(jwksFile: file) }
    } catch {
      throw CommandFailure("jwt.jwks_file: \(error)")
    }
    let policy = TokenPolicy(
      issuer: configuration.jwt.issuer, audience: configuration.jwt.audience, leeway: configuration.jwt.leeway)
    return TokenVerifier(keys: keys, policy: policy, cacheCapacity: configuration.jwt.cacheSize)
  }
}
