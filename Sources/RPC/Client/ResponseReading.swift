import HTTP2

/// What the header blocks of a response mean.
enum ResponseReading: Equatable {
  /// Messages may follow.
  case head(Metadata)
  /// The call ended, perhaps without any message (Trailers-Only).
  case status(Status, Metadata)

  /// The first block of a response.
  static func head(_ block: HeaderBlock, endStream: Bool) -> ResponseReading {
    let metadata = Metadata(block)
    let httpStatus = block.string(.status).flatMap { Int($0) } ?? 0
    if let status = status(block) { return .status(status, metadata) }
    guard httpStatus == 200 else { return .status(StatusMapping.status(httpStatus: httpStatus), metadata) }
    guard !endStream else { return .status(Status(.unknown, "the response has no grpc-status"), metadata) }
    let isGRPC = block.withValue(.contentType) { $0.starts(with: "application/grpc".utf8) }
    guard isGRPC == true else { return .status(Status(.unknown, "the response is not application/grpc"), metadata) }
    guard block.value(.grpcEncoding) == nil || block.has(.grpcEncoding, "identity") else {
      return .status(Status(.internal, "the response's grpc-encoding is not supported"), metadata)
    }
    return .head(metadata)
  }

  /// The last block.
  static func trailers(_ block: HeaderBlock) -> (status: Status, metadata: Metadata) {
    (status(block) ?? Status(.unknown, "the trailers have no grpc-status"), Metadata(block))
  }

  private static func status(_ block: HeaderBlock) -> Status? {
    guard let code = block.withValue(.grpcStatus, { StatusCode(headerValue: $0) }) else { return nil }
    let message = block.withValue(.grpcMessage) { StatusMessageCoding.decode($0) }
    let details = block.value(.grpcStatusDetails).flatMap { BinaryMetadataCoding.decode($0) }
    return Status(code, message ?? "", details: details ?? [])
  }
}
