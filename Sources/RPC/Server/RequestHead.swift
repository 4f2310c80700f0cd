import HTTP2

/// What the fields of a request decide before any handler runs.
enum RequestHead {
  enum Reading {
    /// The usual call: no deadline, identity encoding.
    case plain(ServedMethod)
    /// Not gRPC: answered on the HTTP level.
    case reject(HeaderFields)
    case unknown(path: String)
    /// `problem` is set when the call is refused after the interceptors have seen it.
    case call(ServedMethod, timeout: Duration?, problem: Status?)
  }

  static func read(_ headers: HeaderBlock, methods: RouteTable) -> Reading {
    guard headers.has(.method, "POST") else { return .reject(ResponseHead.methodNotAllowed) }
    guard headers.has(.contentType, "application/grpc") || headers.withValue(.contentType, isGRPC) ?? false else {
      return .reject(ResponseHead.unsupportedMediaType)
    }
    guard let method = headers.withValue(.path, { methods.method(UnsafeRawBufferPointer($0)) }) ?? nil else {
      return .unknown(path: headers.string(.path) ?? "")
    }
    let timeout: Timeout =
      headers.withValue(.grpcTimeout) { TimeoutCoding.decode($0).map { .after($0) } ?? .malformed } ?? .absent
    let encodingIsKnown =
      headers.withValue(.grpcEncoding) { $0.elementsEqual("identity".utf8) } ?? true
    if encodingIsKnown, case .absent = timeout { return .plain(method) }
    switch timeout {
    case _ where !encodingIsKnown:
      return .call(
        method, timeout: nil, problem: Status(.unimplemented, "the request's grpc-encoding is not supported"))
    case .malformed:
      return .call(method, timeout: nil, problem: Status(.internal, "malformed grpc-timeout"))
    case .absent:
      return .call(method, timeout: nil, problem: nil)
    case .after(let duration):
      return .call(method, timeout: duration, problem: nil)
    }
  }

  private enum Timeout { case absent, malformed, after(Duration) }

  /// "application/grpc", or with "+proto", "+…" or parameters behind it (PROTOCOL-HTTP2.md).
  private static func isGRPC(_ value: UnsafeBufferPointer<UInt8>) -> Bool {
    let prefix = "application/grpc".utf8
    guard value.starts(with: prefix) else { return false }
    guard value.count > prefix.count else { return true }
    let next = value[prefix.count]
    return next == UInt8(ascii: "+") || next == UInt8(ascii: ";")
  }
}
