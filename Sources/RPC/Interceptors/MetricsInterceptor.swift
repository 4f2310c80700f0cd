package import CoreMetrics
import Metrics
import Synchronization

/// Metrics of calls as gRFC A66 names them: `grpc.server.call.started`, `.duration` (seconds),
/// `.sent_total_compressed_message_size` and `.rcvd_total_compressed_message_size` (bytes). Methods nobody registered
/// are "other", so that a client cannot make new series.
package final class MetricsInterceptor: ServerInterceptor {
  private struct Key: Hashable {
    let method: String
    let status: StatusCode
  }

  private struct Ended {
    let duration: Metrics.Timer
    let sent: Recorder
    let received: Recorder
  }

  private struct Handles {
    var started: [String: Counter] = [:]
    var ended: [Key: Ended] = [:]
  }

  private let handles = Mutex(Handles())
  private let factory: (any MetricsFactory)?

  /// - Parameter factory: where metrics go; nil for the one the process was bootstrapped with.
  package init(factory: (any MetricsFactory)? = nil) {
    self.factory = factory
  }

  package var seesUnregisteredMethods: Bool { true }

  package func intercept(_ context: ServerContext, next: (ServerContext) async throws -> Void) async throws {
    let method = context.isRegistered ? context.method.fullName : "other"
    started(method).increment()
    let start = ContinuousClock.now
    do {
      try await next(context)
      record(method, .ok, context, start)
    } catch {
      record(method, (error as? Status)?.code ?? .internal, context, start)
      throw error
    }
  }

  private func record(
    _ method: String, _ status: StatusCode, _ context: ServerContext, _ start: ContinuousClock.Instant
  ) {
    let handles = ended(Key(method: method, status: status))
    let duration = start.duration(to: .now).components
    handles.duration.recordNanoseconds(duration.seconds * 1_000_000_000 + duration.attoseconds / 1_000_000_000)
    let bytes = context.messageBytes
    handles.sent.record(bytes.sent)
    handles.received.record(bytes.received)
  }

  private func started(_ method: String) -> Counter {
    handles.withLock { handles in
      if let counter = handles.started[method] { return counter }
      let counter = Counter(
        label: "grpc.server.call.started", dimensions: [("grpc.method", method)],
        factory: factory ?? MetricsSystem.factory)
      handles.started[method] = counter
      return counter
    }
  }

  private func ended(_ key: Key) -> Ended {
    handles.withLock { handles in
      if let ended = handles.ended[key] { return ended }
      let dimensions = [("grpc.method", key.method), ("grpc.status", key.status.name)]
      let factory = self.factory ?? MetricsSystem.factory
      let ended = Ended(
        duration: Metrics.Timer(label: "grpc.server.call.duration", dimensions: dimensions, factory: factory),
        sent: Recorder(
          label: "grpc.server.call.sent_total_compressed_message_size", dimensions: dimensions, aggregate: true,
          factory: factory),
        received: Recorder(
          label: "grpc.server.call.rcvd_total_compressed_message_size", dimensions: dimensions, aggregate: true,
          factory: factory))
      handles.ended[key] = ended
      return ended
    }
  }
}
