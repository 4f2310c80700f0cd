package import Logging

/// One line per call when it ends: debug for OK, info for errors that are the client's or expected, warning for faults.
/// Logs no message content and no metadata but the request id and the trace id.
package struct LoggingInterceptor: ServerInterceptor {
  private let logger: Logger

  package init(logger: Logger) {
    self.logger = logger
  }

  package var seesUnregisteredMethods: Bool { true }

  package func intercept(_ context: ServerContext, next: (ServerContext) async throws -> Void) async throws {
    let start = ContinuousClock.now
    do {
      try await next(context)
      log(context, .ok, start)
    } catch {
      log(context, error as? Status ?? Status(.internal), start)
      throw error
    }
  }

  private func log(_ context: ServerContext, _ status: Status, _ start: ContinuousClock.Instant) {
    let level = Self.level(status.code)
    guard logger.logLevel <= level else { return }
    let duration = start.duration(to: .now)
    var metadata: Logger.Metadata = [
      "grpc.method": "\(context.isRegistered ? context.method.fullName : "other")",
      "grpc.status": "\(status.code.name)",
      "duration_ms": "\(Double(duration.components.attoseconds) / 1e15 + Double(duration.components.seconds) * 1e3)",
      "peer": "\(context.peer)", "request_id": "\(context.requestID)",
    ]
    if let trace = context.traceparent { metadata["trace_id"] = "\(trace.traceID)" }
    logger.log(level: level, "call ended", metadata: metadata)
  }

  static func level(_ code: StatusCode) -> Logger.Level {
    switch code {
    case .ok, .cancelled: .debug
    case .internal, .unknown, .dataLoss: .warning
    default: .info
    }
  }
}
