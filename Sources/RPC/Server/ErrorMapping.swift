import Protobuf

/// Turns what a handler threw into what the client is told. The one place where that is decided.
enum ErrorMapping {
  enum Outcome: Equatable {
    /// An error handlers throw on purpose.
    case expected(Status)
    /// A fault; the client learns nothing of it, the log everything.
    case fault(Status)

    var status: Status {
      switch self {
      case .expected(let status), .fault(let status): status
      }
    }
  }

  static func outcome(of error: any Error) -> Outcome {
    switch error {
    case let status as Status:
      status.isOK ? .fault(Status(.internal, "internal error")) : .expected(status)
    case let error as WireError:
      .expected(error.requestStatus)
    case is CancellationError:
      .expected(Status(.cancelled, "the call was cancelled"))
    default:
      .fault(Status(.internal, "internal error"))
    }
  }
}

extension WireError {
  /// A request that does not parse is the client's mistake; the field is named in the message and in a
  /// `google.rpc.BadRequest`.
  var requestStatus: Status {
    switch self {
    case .malformed:
      Status(.invalidArgument, "the request is not a valid protobuf message of its type")
    case .tooLarge(let limit):
      Status(.resourceExhausted, "the request needs more than \(limit) bytes of memory when parsed")
    case .invalidUTF8(let field):
      Self.badField(field, "is not valid UTF-8")
    case .embeddedNUL(let field):
      Self.badField(field, "contains U+0000")
    }
  }

  /// A response that does not parse is the server's fault.
  var responseStatus: Status {
    Status(.internal, "the response does not parse: \(self)")
  }

  private static func badField(_ field: String, _ problem: String) -> Status {
    var violation = ProtobufWriter()
    violation.string(field: 1, field)
    violation.string(field: 2, problem)
    var badRequest = ProtobufWriter()
    badRequest.bytes(field: 1, violation.bytes)
    let message = "field \(field) \(problem)"
    let detail = StatusDetails.AnyDetail(
      typeURL: "type.googleapis.com/google.rpc.BadRequest", value: badRequest.bytes)
    let details = StatusDetails.encode(code: .invalidArgument, message: message, details: [detail])
    return Status(.invalidArgument, message, details: details)
  }
}
