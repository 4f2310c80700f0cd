import HTTP2

/// The fields a server sends: blocks made once for the usual cases.
enum ResponseHead {
  private static let plainInitial = HeaderFields(
    PrebuiltHeaders([(":status", "200"), ("content-type", "application/grpc")]))
  private static let plainTrailers = HeaderFields(PrebuiltHeaders([("grpc-status", "0")]))

  /// RFC 9110 §15.5.6, and PROTOCOL-HTTP2.md: calls are POST.
  static let methodNotAllowed = HeaderFields(PrebuiltHeaders([(":status", "405"), ("allow", "POST")]))
  /// PROTOCOL-HTTP2.md: "If Content-Type does not begin with application/grpc … 415".
  static let unsupportedMediaType = HeaderFields(
    PrebuiltHeaders([
      (":status", "415"), ("content-type", "application/grpc"), ("grpc-status", "3"),
      ("grpc-message", "the content-type is not application/grpc"),
    ]))

  static func initial(_ response: ResponseFields?) -> HeaderFields {
    guard let response, !response.initial.isEmpty else { return plainInitial }
    var result = plainInitial
    append(response.initial, to: &result)
    return result
  }

  static func trailers(_ status: Status, _ response: ResponseFields?) -> HeaderFields {
    guard let response, !status.isOK || !response.trailing.isEmpty || response.requestID != nil else {
      return status.isOK ? plainTrailers : trailers(status, ResponseFields())
    }
    var result = HeaderFields()
    append(status, response, to: &result)
    return result
  }

  static func trailersOnly(_ status: Status, _ response: ResponseFields?) -> HeaderFields {
    var result = plainInitial
    if let response { append(response.initial, to: &result) }
    append(status, response ?? ResponseFields(), to: &result)
    return result
  }

  private static func append(_ status: Status, _ response: ResponseFields, to result: inout HeaderFields) {
    result.append("grpc-status", String(status.code.rawValue))
    if !status.message.isEmpty { result.append("grpc-message", StatusMessageCoding.encode(status.message)) }
    if !status.details.isEmpty, status.details.count <= Limits.statusDetails_bytes {
      result.append("grpc-status-details-bin", BinaryMetadataCoding.encode(status.details))
    }
    if status.code == .unimplemented { result.append("grpc-accept-encoding", "identity") }
    if let id = response.requestID { result.append(RequestID.headerName, id) }
    append(response.trailing, to: &result)
  }

  private static func append(_ metadata: Metadata, to result: inout HeaderFields) {
    for entry in metadata.entries {
      switch entry.value {
      case .text(let text): result.append(entry.name, text)
      case .bytes(let bytes): result.append(entry.name, BinaryMetadataCoding.encode(bytes))
      }
    }
  }
}
