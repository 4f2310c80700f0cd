/// Header names that are recognised while they are received, so that looking them up compares one byte.
package enum HeaderToken: UInt8, Sendable, CaseIterable {
  /// A name that is not in this list; it is kept as bytes.
  case other = 0
  case method, scheme, authority, path, status
  case contentType, contentLength, te, userAgent, host, authorization
  case grpcTimeout, grpcEncoding, grpcAcceptEncoding, grpcStatus, grpcMessage, grpcStatusDetails
  case traceparent, tracestate, requestID

  /// The name on the wire; empty for `other`.
  package var name: StaticString {
    switch self {
    case .other: ""
    case .method: ":method"
    case .scheme: ":scheme"
    case .authority: ":authority"
    case .path: ":path"
    case .status: ":status"
    case .contentType: "content-type"
    case .contentLength: "content-length"
    case .te: "te"
    case .userAgent: "user-agent"
    case .host: "host"
    case .authorization: "authorization"
    case .grpcTimeout: "grpc-timeout"
    case .grpcEncoding: "grpc-encoding"
    case .grpcAcceptEncoding: "grpc-accept-encoding"
    case .grpcStatus: "grpc-status"
    case .grpcMessage: "grpc-message"
    case .grpcStatusDetails: "grpc-status-details-bin"
    case .traceparent: "traceparent"
    case .tracestate: "tracestate"
    case .requestID: "x-request-id"
    }
  }

  /// Its bit in a set of tokens.
  var bit: UInt32 { 1 << UInt32(rawValue) }

  /// Whether the name is a pseudo-header (RFC 9113 §8.3).
  package var isPseudo: Bool { rawValue >= HeaderToken.method.rawValue && rawValue <= HeaderToken.status.rawValue }
}

extension HeaderToken {
  /// Recognises a name as it came from the wire (lower case): a switch on its length, then one comparison.
  @inline(__always)
  init(name: UnsafePointer<UInt8>, count: Int) {
    @inline(__always) func matches(_ token: HeaderToken) -> Bool { token.equals(name, count) }
    self = .other
    switch count {
    case 2: if matches(.te) { self = .te }
    case 4: if matches(.host) { self = .host }
    case 5: if matches(.path) { self = .path }
    case 7:
      if matches(.method) {
        self = .method
      } else if matches(.scheme) {
        self = .scheme
      } else if matches(.status) {
        self = .status
      }
    case 10:
      if matches(.authority) {
        self = .authority
      } else if matches(.userAgent) {
        self = .userAgent
      } else if matches(.tracestate) {
        self = .tracestate
      }
    case 11:
      if matches(.grpcStatus) { self = .grpcStatus } else if matches(.traceparent) { self = .traceparent }
    case 12:
      if matches(.contentType) {
        self = .contentType
      } else if matches(.grpcTimeout) {
        self = .grpcTimeout
      } else if matches(.grpcMessage) {
        self = .grpcMessage
      } else if matches(.requestID) {
        self = .requestID
      }
    case 13:
      if matches(.authorization) { self = .authorization } else if matches(.grpcEncoding) { self = .grpcEncoding }
    case 14: if matches(.contentLength) { self = .contentLength }
    case 20: if matches(.grpcAcceptEncoding) { self = .grpcAcceptEncoding }
    case 23: if matches(.grpcStatusDetails) { self = .grpcStatusDetails }
    default: break
    }
  }

  @inline(__always)
  private func equals(_ other: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    let mine = name.utf8Start
    for index in 0..<count where mine[index] != other[index] { return false }
    return true
  }
}
