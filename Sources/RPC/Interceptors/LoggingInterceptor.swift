package import Logging

/// One line per call when it ends: debug for OK, info for errors that are the client's or expected, warning for faults.
/// Logs no message content and no metadata but the request id and the trace id.
package struct LoggingInterceptor: CallObserver {
  private let logger: Logger

  package init(logger: Logger) {
    self.logger = logger
  }

  package func observer(of method: MethodDescriptor?) -> any MethodObserver {
    MethodLog(method: method?.fullName ?? "other", logger: logger, level_min: logger.logLevel)
  }

  private struct MethodLog: MethodObserver {
    let method: String
    let logger: Logger
    /// Asked of the logger once: its handler may be several calls away.
    let level_min: Logger.Level

    func callEnded(_ context: ServerContext, _ status: Status, duration_ns: Int64) {
      let level = LoggingInterceptor.level(status.code)
      guard level_min <= level else { return }
      var metadata: Logger.Metadata = [
        "grpc.method": "\(method)", "grpc.status": "\(status.code.name)",
        "duration_ms": "\(Double(duration_ns) / 1e6)", "peer": "\(context.peer)", "request_id": "\(context.requestID)",
      ]
      if let trace = context.traceparent { metadata["trace_id"] = "\(trace.traceID)" }
      logger.log(level: level, "call ended", metadata: metadata)
    }
  }

  static func level(_ code: StatusCode) -> Logger.Level {
    switch code {
    case .ok, .cancelled: .debug
    case .internal, .unknown, .dataLoss: .warning
    default: .info
    }
  }
}
