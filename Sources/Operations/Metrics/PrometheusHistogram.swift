import CoreMetrics
import Synchronization

/// Counts values in buckets: two atomic additions and a search of at most six steps per value.
package final class PrometheusHistogram: TimerHandler, RecorderHandler {
  struct Snapshot: Equatable {
    /// Per bucket, not cumulative; the last is +Inf.
    var counts: [Int64]
    var sum: Double
  }

  let bounds: HistogramBounds
  private let counts: InlineArray<48, Atomic<Int64>>
  /// Nanoseconds of a duration, so that a sum of many short ones stays exact.
  private let nanoseconds = Atomic<Int64>(0)
  private let sum = AtomicDouble()

  init(bounds: HistogramBounds) {
    precondition(bounds.values.count < HistogramBounds.bucketCount_max)
    self.bounds = bounds
    counts = InlineArray { _ in Atomic<Int64>(0) }
  }

  package func recordNanoseconds(_ duration: Int64) {
    let duration = max(duration, 0)
    nanoseconds.wrappingAdd(duration, ordering: .relaxed)
    counts[bounds.bucket(of: Double(duration) / 1e9)].wrappingAdd(1, ordering: .relaxed)
  }

  package func record(_ value: Int64) {
    record(Double(value))
  }

  package func record(_ value: Double) {
    guard value.isFinite else { return }
    sum.add(value)
    counts[bounds.bucket(of: value)].wrappingAdd(1, ordering: .relaxed)
  }

  /// Not one instant: values recorded meanwhile may be in the sum and not yet in a bucket.
  func snapshot() -> Snapshot {
    Snapshot(
      counts: (0...bounds.values.count).map { counts[$0].load(ordering: .relaxed) },
      sum: sum.value + Double(nanoseconds.load(ordering: .relaxed)) / 1e9)
  }
}
