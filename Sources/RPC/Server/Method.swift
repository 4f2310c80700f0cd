package import Protobuf

/// Which sides of a call send more than one message.
package enum CallType: String, Sendable, Hashable {
  case unary
  case clientStreaming
  case serverStreaming
  case bidirectional

  package var streamsRequests: Bool { self == .clientStreaming || self == .bidirectional }
  package var streamsResponses: Bool { self == .serverStreaming || self == .bidirectional }
}

/// The name and kind of a method.
package struct MethodDescriptor: Sendable, Hashable {
  /// Full name, as "grpc.health.v1.Health".
  package let service: String
  package let method: String
  package let type: CallType
  /// True when calling twice is as good as once, so that a client may repeat a call that failed.
  package let isIdempotent: Bool

  package init(service: String, method: String, type: CallType, isIdempotent: Bool = false) {
    self.service = service
    self.method = method
    self.type = type
    self.isIdempotent = isIdempotent
  }

  /// The `:path` of its calls: "/grpc.health.v1.Health/Check".
  package var path: String { "/\(service)/\(method)" }

  /// The name that logs and metrics show (gRFC A66): "grpc.health.v1.Health/Check".
  package var fullName: String { "\(service)/\(method)" }
}

/// A method with its message types: what handlers are registered for and clients call.
package struct Method<Request: WireMessage, Response: WireMessage>: Sendable {
  package let descriptor: MethodDescriptor

  package init(_ descriptor: MethodDescriptor) {
    self.descriptor = descriptor
  }

  package init(_ service: String, _ method: String, _ type: CallType, isIdempotent: Bool = false) {
    self.init(MethodDescriptor(service: service, method: method, type: type, isIdempotent: isIdempotent))
  }
}

extension MethodDescriptor {
  /// The name in a path no handler is registered for; both parts are empty when it has not the form /service/method.
  init(path: String) {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    let isRegular = parts.count == 3 && parts[0].isEmpty
    self.init(service: isRegular ? String(parts[1]) : "", method: isRegular ? String(parts[2]) : "", type: .unary)
  }
}
