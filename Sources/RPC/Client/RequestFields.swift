import HTTP2

/// The fields a client sends.
enum RequestFields {
  static func head(call: NetworkCall, authority: String, isSecure: Bool) -> HeaderFields {
    var fields = HeaderFields(isSecure ? secure : plain)
    fields.append(":path", call.path)
    fields.append(":authority", authority)
    fields.append("te", "trailers")
    fields.append("content-type", "application/grpc")
    fields.append("user-agent", "grpc-swift-nghttp2/1.0")
    if let deadline = call.deadline {
      fields.append("grpc-timeout", TimeoutCoding.encode(ContinuousClock.now.duration(to: deadline)))
    }
    for entry in call.options.metadata.entries {
      switch entry.value {
      case .text(let text): fields.append(entry.name, text, isSensitive: entry.name == "authorization")
      case .bytes(let bytes): fields.append(entry.name, BinaryMetadataCoding.encode(bytes))
      }
    }
    return fields
  }

  /// Pseudo-headers come first (RFC 9113 §8.3), so only these two can be prebuilt.
  private static let plain = PrebuiltHeaders([(":method", "POST"), (":scheme", "http")])
  private static let secure = PrebuiltHeaders([(":method", "POST"), (":scheme", "https")])
}
