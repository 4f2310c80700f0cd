package import Logging
import NIOCore

/// What all calls of a server, or of an in-process channel, have in common. Immutable.
package final class ServerPolicy: Sendable {
  let methods: RouteTable
  let logger: Logger
  let requestLimit_bytes: Int
  let responseLimit_bytes: Int
  let unreadResponses_s: Int64
  private let unregisteredObservers: [any MethodObserver]
  private let unregisteredInterceptors: [any ServerInterceptor]
  private let errorMapper: (@Sendable (any Error, ServerContext) -> Status?)?

  /// - Parameter errorMapper: asked first about errors handlers throw, also for `WireError` and `Status`, so that an
  ///   application can give its own details; nil leaves the error to the standard mapping.
  package init(
    router: ServerRouter, interceptors: [any ServerInterceptor] = [], logger: Logger,
    requestLimit_bytes: Int = Limits.message_bytes, responseLimit_bytes: Int = Limits.message_bytes,
    unreadResponses_s: Int64 = Limits.unreadResponses_s,
    errorMapper: (@Sendable (any Error, ServerContext) -> Status?)? = nil
  ) {
    methods = RouteTable(router.all.map { ServedMethod($0, interceptors: interceptors) })
    unregisteredObservers = interceptors.compactMap { ($0 as? any CallObserver)?.observer(of: nil) }
    unregisteredInterceptors = interceptors.filter { !($0 is any CallObserver) && $0.seesUnregisteredMethods }
    self.logger = logger
    self.requestLimit_bytes = requestLimit_bytes
    self.responseLimit_bytes = responseLimit_bytes
    self.unreadResponses_s = unreadResponses_s
    self.errorMapper = errorMapper
  }

  /// The method of a path nobody registered.
  func unregistered(_ method: MethodDescriptor) -> ServedMethod {
    ServedMethod(method, route: nil, observers: unregisteredObservers, interceptors: unregisteredInterceptors)
  }

  /// Runs `body` inside the interceptors. Throws `Status` only.
  func run(
    _ context: ServerContext, _ body: @Sendable (ServerContext) async throws -> Void
  ) async throws(Status) {
    let method = context.served
    method.callStarted(context)
    do {
      if !method.guards.isEmpty { try await method.admit(context) }
      if method.interceptors.isEmpty {
        try await body(context)
      } else {
        try await method.intercepted(context) { context in
          do {
            try await body(context)
          } catch {
            throw context.endedEarly ?? status(of: error, context)
          }
          if let ended = context.endedEarly { throw ended }
        }
      }
      try ended(context)
    } catch {
      throw failed(context, error)
    }
  }

  /// Runs a unary method inside the interceptors. The response has its prefix.
  nonisolated(nonsending) func respond(
    _ route: any Route, to request: ByteBuffer, _ context: ServerContext
  ) async throws(Status) -> ByteBuffer {
    let method = context.served
    context.countReceived(request.readableBytes)
    method.callStarted(context)
    do {
      if !method.guards.isEmpty { try await method.admit(context) }
      let response =
        method.interceptors.isEmpty
        ? try await route.respond(to: request, context, limit_bytes: responseLimit_bytes)
        : try await interceptedResponse(method, route, to: request, context)
      context.countSent(response.readableBytes - Limits.messagePrefix_bytes)
      try ended(context)
      return response
    } catch {
      throw failed(context, error)
    }
  }

  /// The same for a handler that does not suspend; the method is bare.
  func respondAtOnce(
    _ route: any Route, to request: ByteBuffer, _ context: ServerContext
  ) throws(Status) -> ByteBuffer {
    context.countReceived(request.readableBytes)
    context.served.callStarted(context)
    do {
      let response = try route.respondAtOnce(to: request, context, limit_bytes: responseLimit_bytes)
      context.countSent(response.readableBytes - Limits.messagePrefix_bytes)
      try ended(context)
      return response
    } catch {
      throw failed(context, error)
    }
  }

  private func interceptedResponse(
    _ method: ServedMethod, _ route: any Route, to request: ByteBuffer, _ context: ServerContext
  ) async throws -> ByteBuffer {
    var response: ByteBuffer?
    try await method.intercepted(context) { context in
      do {
        response = try await route.respond(to: request, context, limit_bytes: responseLimit_bytes)
      } catch {
        throw context.endedEarly ?? status(of: error, context)
      }
      if let ended = context.endedEarly { throw ended }
    }
    guard let response else { throw Status(.internal, "an interceptor ended the call without a response") }
    return response
  }

  private func ended(_ context: ServerContext) throws(Status) {
    if let status = context.endedEarly { throw status }
    context.served.callEnded(context, .ok)
  }

  private func failed(_ context: ServerContext, _ error: any Error) -> Status {
    let status = context.endedEarly ?? status(of: error, context)
    context.served.callEnded(context, status)
    return status
  }

  /// The status for an error, logging faults. A `Status` passes unchanged, so mapping twice is harmless.
  func status(of error: any Error, _ context: ServerContext) -> Status {
    if let status = errorMapper?(error, context) { return status }
    let outcome = ErrorMapping.outcome(of: error)
    if case .fault = outcome, context.endedEarly == nil {
      logger.error(
        "handler failed",
        metadata: [
          "grpc.method": "\(context.method.fullName)", "request_id": "\(context.requestID)",
          "error": "\(String(reflecting: error))",
        ])
    }
    return outcome.status
  }

  static func unimplemented(_ path: String) -> Status {
    Status(.unimplemented, "no method \(path)")
  }
}
