import HTTP2
package import NIOCore
package import Protobuf

/// Calls a server's handlers in the same process: values pass without coding, through the same interceptors, with the
/// same deadlines, cancellation, backpressure and errors as over a network. Limits on message bytes do not apply.
package final class InProcessChannel: ClientChannel {
  private let policy: ServerPolicy
  private let group: any EventLoopGroup
  /// Keeps the executors alive: tasks do not.
  private let executors: [LoopExecutor]

  /// - Parameter group: handlers run on its event loops.
  package init(policy: ServerPolicy, group: any EventLoopGroup) {
    self.policy = policy
    self.group = group
    executors = group.makeIterator().map { LoopExecutor.for($0) }
  }

  package func unary<Q: WireMessage, S: WireMessage>(
    _ method: Method<Q, S>, _ request: Q, options: CallOptions
  ) async throws -> S {
    guard let served = policy.methods.method(path: method.descriptor.path),
      let route = served.route as? TypedRoute<Q, S>, route.isUnary
    else { return try await begin(method, request: request, options: options).single() }
    let response = try await InProcessUnaryCall(served, policy: policy, options: options, loop: group.any())
      .response { context in try await route.respond(request, context) }
    guard let response = response as? S else { preconditionFailure("the handler of a route returns its response") }
    return response
  }

  package func begin<Q: WireMessage, S: WireMessage>(
    _ method: Method<Q, S>, request: Q?, options: CallOptions
  ) -> ClientCall<Q, S> {
    let call = InProcessCall<Q, S>(
      method: method.descriptor, policy: policy, options: options, loop: group.any())
    call.start(request)
    return ClientCall(call)
  }
}
