import JWTKit

/// The claims this service reads and writes (RFC 7519 §4.1, and `type` and `scope` of design §5).
struct TokenClaims: JWTPayload, Equatable {
  enum TokenType: String, Codable {
    case access
    case service
  }

  /// RFC 7519 §4.1.3: one string, or an array of them.
  struct Audience: Codable, Equatable {
    var values: [String]

    init(values: [String]) { self.values = values }

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let one = try? container.decode(String.self) {
        values = [one]
      } else {
        values = try container.decode([String].self)
      }
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      if values.count == 1 { try container.encode(values[0]) } else { try container.encode(values) }
    }
  }

  var subject: String?
  var type: TokenType
  var scope: String?
  /// Seconds since the Unix epoch, fractions allowed (NumericDate, RFC 7519 §2).
  var expiry: Double
  var notBefore: Double?
  var issuedAt: Double?
  var issuer: String?
  var audience: Audience?

  enum CodingKeys: String, CodingKey {
    case subject = "sub"
    case type
    case scope
    case expiry = "exp"
    case notBefore = "nbf"
    case issuedAt = "iat"
    case issuer = "iss"
    case audience = "aud"
  }

  /// The claims are checked by `TokenPolicy`, which needs the time and the configuration.
  func verify(using algorithm: some JWTAlgorithm) async throws {}
}
