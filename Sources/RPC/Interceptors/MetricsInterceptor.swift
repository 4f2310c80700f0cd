package import CoreMetrics
import Metrics
import Synchronization

/// Metrics of calls as gRFC A66 names them: `grpc.server.call.started`, `.duration` (seconds),
/// `.sent_total_compressed_message_size` and `.rcvd_total_compressed_message_size` (bytes). Methods nobody registered
/// are "other", so that a client cannot make new series.
package final class MetricsInterceptor: CallObserver {
  private let factory: (any MetricsFactory)?

  /// - Parameter factory: where metrics go; nil for the one the process was bootstrapped with, before this is given
  ///   to a server.
  package init(factory: (any MetricsFactory)? = nil) {
    self.factory = factory
  }

  package func observer(of method: MethodDescriptor?) -> any MethodObserver {
    MethodMetrics(method: method?.fullName ?? "other", factory: factory ?? MetricsSystem.factory)
  }
}

/// The series of one method. Those of good calls are there from the start, so that they read 0 and not nothing, and
/// are found without a lock.
private final class MethodMetrics: MethodObserver {
  private struct Ended: Sendable {
    let duration: any TimerHandler
    let sent: any RecorderHandler
    let received: any RecorderHandler

    init(method: String, _ code: StatusCode, _ factory: any MetricsFactory) {
      let dimensions = [("grpc.method", method), ("grpc.status", code.name)]
      duration = factory.makeTimer(label: "grpc.server.call.duration", dimensions: dimensions)
      sent = factory.makeRecorder(
        label: "grpc.server.call.sent_total_compressed_message_size", dimensions: dimensions, aggregate: true)
      received = factory.makeRecorder(
        label: "grpc.server.call.rcvd_total_compressed_message_size", dimensions: dimensions, aggregate: true)
    }
  }

  private let method: String
  private let factory: any MetricsFactory
  private let started: any CounterHandler
  private let succeeded: Ended
  private let failed = Mutex<[StatusCode: Ended]>([:])

  init(method: String, factory: any MetricsFactory) {
    self.method = method
    self.factory = factory
    started = factory.makeCounter(label: "grpc.server.call.started", dimensions: [("grpc.method", method)])
    succeeded = Ended(method: method, .ok, factory)
  }

  func callStarted(_ context: ServerContext) {
    started.increment(by: 1)
  }

  func callEnded(_ context: ServerContext, _ status: Status, duration_ns: Int64) {
    let series = status.isOK ? succeeded : failedSeries(status.code)
    series.duration.recordNanoseconds(duration_ns)
    let bytes = context.messageBytes
    series.sent.record(Int64(bytes.sent))
    series.received.record(Int64(bytes.received))
  }

  private func failedSeries(_ code: StatusCode) -> Ended {
    failed.withLock { failed in
      if let known = failed[code] { return known }
      let made = Ended(method: method, code, factory)
      failed[code] = made
      return made
    }
  }
}
