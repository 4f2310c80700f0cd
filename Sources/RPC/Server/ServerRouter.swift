package import Protobuf

/// The methods a server offers. Registering a path twice replaces the first handler.
package struct ServerRouter: Sendable {
  private var routes: [String: any Route] = [:]

  package init() {}

  package mutating func register<Q: WireMessage, S: WireMessage>(
    unary method: Method<Q, S>,
    handler: nonisolated(nonsending) @escaping @Sendable (Q, ServerContext) async throws -> S
  ) {
    add(TypedRoute(method.descriptor, .unary(handler)), expecting: .unary)
  }

  /// A unary method whose handler does not suspend: without interceptors in its way, such a call needs no task.
  package mutating func register<Q: WireMessage, S: WireMessage>(
    immediate method: Method<Q, S>, handler: @escaping @Sendable (Q, ServerContext) throws -> S
  ) {
    add(TypedRoute(method.descriptor, .immediate(handler)), expecting: .unary)
  }

  package mutating func register<Q: WireMessage, S: WireMessage>(
    clientStreaming method: Method<Q, S>,
    handler: @escaping @Sendable (RequestStream<Q>, ServerContext) async throws -> S
  ) {
    add(TypedRoute(method.descriptor, .clientStreaming(handler)), expecting: .clientStreaming)
  }

  package mutating func register<Q: WireMessage, S: WireMessage>(
    serverStreaming method: Method<Q, S>,
    handler: @escaping @Sendable (Q, ResponseWriter<S>, ServerContext) async throws -> Void
  ) {
    add(TypedRoute(method.descriptor, .serverStreaming(handler)), expecting: .serverStreaming)
  }

  package mutating func register<Q: WireMessage, S: WireMessage>(
    bidirectional method: Method<Q, S>,
    handler: @escaping @Sendable (RequestStream<Q>, ResponseWriter<S>, ServerContext) async throws -> Void
  ) {
    add(TypedRoute(method.descriptor, .bidirectional(handler)), expecting: .bidirectional)
  }

  /// The methods registered, by path.
  package var methods: [MethodDescriptor] {
    routes.values.map(\.descriptor).sorted { $0.path < $1.path }
  }

  /// The full names of all services with a registered method, sorted.
  package var services: [String] {
    Set(routes.values.map(\.descriptor.service)).sorted()
  }

  var all: [any Route] { Array(routes.values) }

  private mutating func add(_ route: any Route, expecting type: CallType) {
    precondition(route.descriptor.type == type, "\(route.descriptor.fullName) is not \(type.rawValue)")
    routes[route.descriptor.path] = route
  }
}
