/// The status of a call that ended without `grpc-status`.
package enum StatusMapping {
  /// From an HTTP status other than 200 (grpc/doc/http-grpc-status-mapping.md).
  package static func status(httpStatus: Int) -> Status {
    let code: StatusCode =
      switch httpStatus {
      case 400: .internal
      case 401: .unauthenticated
      case 403: .permissionDenied
      case 404: .unimplemented
      case 429, 502, 503, 504: .unavailable
      default: .unknown
      }
    return Status(code, "the server answered with HTTP status \(httpStatus)")
  }

  /// From the error code of an RST_STREAM (PROTOCOL-HTTP2.md, "Errors"); `code` as in RFC 9113 §7.
  package static func status(resetCode code: UInt32) -> Status {
    let (status, name): (StatusCode, String) =
      switch code {
      case 0x0: (.internal, "NO_ERROR")
      case 0x1: (.internal, "PROTOCOL_ERROR")
      case 0x2: (.internal, "INTERNAL_ERROR")
      case 0x3: (.internal, "FLOW_CONTROL_ERROR")
      case 0x4: (.internal, "SETTINGS_TIMEOUT")
      case 0x5: (.internal, "STREAM_CLOSED")
      case 0x6: (.internal, "FRAME_SIZE_ERROR")
      case 0x7: (.unavailable, "REFUSED_STREAM")
      case 0x8: (.cancelled, "CANCEL")
      case 0x9: (.internal, "COMPRESSION_ERROR")
      case 0xA: (.internal, "CONNECT_ERROR")
      case 0xB: (.resourceExhausted, "ENHANCE_YOUR_CALM")
      case 0xC: (.permissionDenied, "INADEQUATE_SECURITY")
      case 0xD: (.internal, "HTTP_1_1_REQUIRED")
      default: (.internal, "code \(code)")
      }
    return Status(status, "the server reset the stream (\(name))")
  }
}
