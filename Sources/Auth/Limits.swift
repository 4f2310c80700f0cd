/// Every bound of this module: number, reason, source.
enum Limits {
  /// Longest token that is looked at. Header lists are 8–16 KiB in common servers; ours are under 1 KiB.
  static let tokenBytes = 8 * 1024
  /// Longest `sub`. Leaves room for any common user id (UUID, e-mail address: RFC 5321 allows 254).
  static let subjectBytes = 256
  /// Verified tokens kept. One entry is about 150 bytes, so the default is about 1.5 MiB.
  static let cachedTokens = 10_000
  /// RFC 7518 §3.2: a key of the size of the hash output or larger MUST be used with HS256.
  static let secretBytes_min = 32
  /// Key files and JWKS files larger than this are a mistake in the path, not keys.
  static let keyFileBytes = 256 * 1024
  /// Keys of one algorithm that are tried for a token without a matching `kid`; each try costs 30–100 µs.
  static let keys = 32
  /// Times past the year 9999 are a mistake in the unit (milliseconds), and would overflow calendars.
  static let epochSeconds_max = 253_402_300_799.0
}
