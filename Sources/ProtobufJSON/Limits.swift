import JSON

/// Bounds of the dynamic mapping between JSON and protobuf.
enum Limits {
  /// Objects and arrays within each other, and messages within each other, as in C++ and Java protobuf.
  static let nesting_max = 100
  /// A descriptor set larger than this is refused; the whole of googleapis is about 10 MiB.
  static let descriptorSet_bytes_max = 32 << 20
}

extension JSONDialect {
  static let protobuf = JSONDialect.standard(nesting_max: Limits.nesting_max)
}
