package import CoreMetrics
import Synchronization

/// The metrics of the process: a swift-metrics backend that renders Prometheus text. Making a handle takes a lock and a
/// look-up, so callers keep handles; recording is atomic and lock-free.
package final class PrometheusRegistry: MetricsFactory {
  enum Kind: String {
    case counter
    case gauge
    case histogram
  }

  enum Series {
    case counter(PrometheusCounter)
    case floatingPointCounter(PrometheusFloatingPointCounter)
    case gauge(PrometheusGauge)
    case histogram(PrometheusHistogram)
    /// Asked for at each scrape; must not block.
    case sampled(@Sendable () -> Double)
  }

  struct Family {
    let kind: Kind
    var series: [[MetricLabel]: Series] = [:]
  }

  private struct State {
    var families: [String: Family] = [:]
    var help: [String: String] = [:]
  }

  private let state = Mutex(State())
  /// Handles asked for beyond a bound, or with a name that is a metric of another kind.
  private let refused = PrometheusCounter()

  package init() {
    describe("metrics.refused", as: .counter, "Metrics refused: too many label values, or a name used twice")
    state.withLock { $0.families["metrics_refused_total"] = Family(kind: .counter, series: [[]: .counter(refused)]) }
  }

  /// Sets the HELP line of a metric, by its name with dots.
  package func describe(_ label: String, as kind: MetricKind, _ help: String) {
    state.withLock { $0.help[kind.exposedName(label)] = help }
  }

  /// A gauge or counter whose value is asked for at each scrape. `sample` runs on the scraper's thread: no blocking.
  package func sample(
    _ label: String, as kind: MetricKind = .gauge, labels: [(String, String)] = [], help: String? = nil,
    _ sample: @escaping @Sendable () -> Double
  ) {
    if let help { describe(label, as: kind, help) }
    _ = series(kind.exposedName(label), kind == .counter ? .counter : .gauge, labels, make: { .sampled(sample) })
  }

  package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    let series = series(MetricName.counter(label), .counter, dimensions) { .counter(PrometheusCounter()) }
    guard case .counter(let counter) = series else { return PrometheusCounter() }
    return counter
  }

  package func makeFloatingPointCounter(
    label: String, dimensions: [(String, String)]
  ) -> any FloatingPointCounterHandler {
    let name = MetricName.counter(label)
    let series = series(name, .counter, dimensions) { .floatingPointCounter(PrometheusFloatingPointCounter()) }
    guard case .floatingPointCounter(let counter) = series else { return PrometheusFloatingPointCounter() }
    return counter
  }

  package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    gauge(label, dimensions)
  }

  package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
    guard aggregate else { return gauge(label, dimensions) }
    let bounds: HistogramBounds = MetricName.isByteCount(label) ? .byteCount : .count
    return histogram(MetricName.recorder(label), dimensions, bounds)
  }

  package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    histogram(MetricName.duration(label), dimensions, .duration)
  }

  // A series outlives its handles: a counter that vanished between two scrapes would read as a restart.
  package func destroyCounter(_ handler: any CounterHandler) {}
  package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
  package func destroyMeter(_ handler: any MeterHandler) {}
  package func destroyRecorder(_ handler: any RecorderHandler) {}
  package func destroyTimer(_ handler: any TimerHandler) {}

  /// Prometheus text exposition format, version 0.0.4, sorted by name and labels.
  package func exposition() -> String {
    let (families, help) = state.withLock { ($0.families, $0.help) }
    var text = PrometheusText()
    for (name, family) in families.sorted(by: { $0.key < $1.key }) {
      text.append(family, name: name, help: help[name])
    }
    return text.text
  }

  private func gauge(_ label: String, _ dimensions: [(String, String)]) -> PrometheusGauge {
    let series = series(MetricName.sanitized(label), .gauge, dimensions) { .gauge(PrometheusGauge()) }
    guard case .gauge(let gauge) = series else { return PrometheusGauge() }
    return gauge
  }

  private func histogram(
    _ name: String, _ dimensions: [(String, String)], _ bounds: HistogramBounds
  ) -> PrometheusHistogram {
    let series = series(name, .histogram, dimensions) { .histogram(PrometheusHistogram(bounds: bounds)) }
    guard case .histogram(let histogram) = series, histogram.bounds == bounds else {
      return PrometheusHistogram(bounds: bounds)
    }
    return histogram
  }

  /// The series of that name and those labels, made if new; one that is not exposed when the name is of another kind
  /// or the registry is full. Past the bound of label sets, all further ones share the labels' value `other`.
  private func series(
    _ name: String, _ kind: Kind, _ dimensions: [(String, String)], make: () -> Series
  ) -> Series {
    let labels = MetricLabel.labels(dimensions)
    return state.withLock { state in
      guard state.families.count < Limits.metrics || state.families[name] != nil,
        state.families[name, default: Family(kind: kind)].kind == kind
      else {
        refused.increment(by: 1)
        return make()
      }
      if let known = state.families[name]?.series[labels] { return known }
      var labels = labels
      if (state.families[name]?.series.count ?? 0) >= Limits.seriesPerMetric {
        refused.increment(by: 1)
        labels = labels.map { MetricLabel(name: $0.name, value: "other") }
        if let known = state.families[name]?.series[labels] { return known }
      }
      let made = make()
      state.families[name, default: Family(kind: kind)].series[labels] = made
      return made
    }
  }
}
