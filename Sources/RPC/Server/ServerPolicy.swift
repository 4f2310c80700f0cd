package import Logging

/// What all calls of a server, or of an in-process channel, have in common. Immutable.
package struct ServerPolicy: Sendable {
  let router: ServerRouter
  let routes: RouteTable
  let interceptors: InterceptorChain
  let logger: Logger
  let requestLimit_bytes: Int
  let responseLimit_bytes: Int
  private let errorMapper: (@Sendable (any Error, ServerContext) -> Status?)?

  /// - Parameter errorMapper: asked first about errors handlers throw, also for `WireError` and `Status`, so that an
  ///   application can give its own details; nil leaves the error to the standard mapping.
  package init(
    router: ServerRouter, interceptors: [any ServerInterceptor] = [], logger: Logger,
    requestLimit_bytes: Int = Limits.message_bytes, responseLimit_bytes: Int = Limits.message_bytes,
    errorMapper: (@Sendable (any Error, ServerContext) -> Status?)? = nil
  ) {
    self.router = router
    routes = RouteTable(router.all)
    self.interceptors = InterceptorChain(interceptors)
    self.logger = logger
    self.requestLimit_bytes = requestLimit_bytes
    self.responseLimit_bytes = responseLimit_bytes
    self.errorMapper = errorMapper
  }

  /// Runs `body` inside the interceptors. Throws `Status` only.
  func run(_ context: ServerContext, _ body: (ServerContext) async throws -> Void) async throws(Status) {
    do {
      if interceptors.isEmpty {
        try await body(context)
        if let ended = context.endedEarly { throw ended }
      } else {
        try await interceptors.run(context) { context in
          do {
            try await body(context)
          } catch {
            throw context.endedEarly ?? status(of: error, context)
          }
          if let ended = context.endedEarly { throw ended }
        }
      }
    } catch {
      throw status(of: error, context)
    }
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
