/// Which field names and values an application may send.
enum MetadataName {
  /// True for names that carry base64.
  static func isBinary(_ name: String) -> Bool {
    name.utf8.count > 4 && name.utf8.suffix(4).elementsEqual("-bin".utf8)
  }

  /// True for a lower-case field name (PROTOCOL-HTTP2.md: `1*( %x30-39 / %x61-7A / "_" / "-" / ".")`) that neither
  /// HTTP/2 nor gRPC uses itself.
  static func isAllowed(_ name: String) -> Bool {
    let utf8 = name.utf8
    guard !utf8.isEmpty, utf8.allSatisfy(isNameByte) else { return false }
    if utf8.starts(with: "grpc-".utf8) { return allowedGRPCNames.contains(name) }
    return !reserved.contains(name)
  }

  /// True for printable ASCII without blanks at the ends (they would not survive).
  static func isValue(_ value: String) -> Bool {
    let utf8 = value.utf8
    return utf8.allSatisfy { $0 >= 0x20 && $0 <= 0x7E } && utf8.first != 0x20 && utf8.last != 0x20
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
    case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
    default: false
    }
  }

  /// `grpc-` names that applications and interceptors do use (gRFC A6, tracing).
  private static let allowedGRPCNames: Set<String> = [
    "grpc-retry-pushback-ms", "grpc-previous-rpc-attempts", "grpc-trace-bin", "grpc-tags-bin",
  ]

  private static let reserved: Set<String> = [
    "content-type", "content-length", "te", "connection", "keep-alive", "proxy-connection", "transfer-encoding",
    "upgrade", "host", "user-agent", "trailer",
  ]
}
