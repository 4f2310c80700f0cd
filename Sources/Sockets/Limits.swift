/// Every bound of this module, with its reason.
enum Limits {
  /// After a connection could not be accepted, milliseconds: descriptors come free by the second, and ten tries in one
  /// cost nothing.
  static let acceptRetry_ms: Int64 = 100
}
