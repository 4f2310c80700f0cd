/// From names with dots (`grpc.server.call.started`) to Prometheus's (`grpc_server_call_started_total`), with the unit
/// and kind at the end as Prometheus's naming rules ask.
enum MetricName {
  static func counter(_ label: String) -> String { suffixed(label, "_total") }
  static func duration(_ label: String) -> String { suffixed(label, "_seconds") }

  /// A recorder's values are bytes when the name says size, else counts.
  static func recorder(_ label: String) -> String {
    isByteCount(label) ? suffixed(label, "_bytes") : sanitized(label)
  }

  static func isByteCount(_ label: String) -> Bool {
    label.hasSuffix("size") || label.hasSuffix("bytes")
  }

  /// `[a-zA-Z_:][a-zA-Z0-9_:]*`; every other character becomes `_`.
  static func sanitized(_ label: String) -> String {
    var name = String(label.unicodeScalars.map { isNameScalar($0) ? Character($0) : "_" })
    if name.isEmpty || name.utf8.first.map({ (0x30...0x39).contains($0) }) == true { name = "_" + name }
    return name
  }

  private static func suffixed(_ label: String, _ suffix: String) -> String {
    let name = sanitized(label)
    return name.hasSuffix(suffix) ? name : name + suffix
  }

  private static func isNameScalar(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9", "_", ":": true
    default: false
    }
  }
}
