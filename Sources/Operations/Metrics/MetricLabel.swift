/// A label of a series, with a name Prometheus accepts.
struct MetricLabel: Hashable, Comparable {
  let name: String
  let value: String

  /// Sorted by name; of a name given twice the last value counts.
  static func labels(_ dimensions: [(String, String)]) -> [MetricLabel] {
    var values: [String: String] = [:]
    for (name, value) in dimensions {
      var name = MetricName.sanitized(name).split(separator: ":", omittingEmptySubsequences: false).joined(
        separator: "_")
      // Names beginning with two underscores, and these two, are Prometheus's own.
      if name.hasPrefix("__") || name == "le" || name == "quantile" { name = "label_" + name }
      values[name] = value
    }
    return values.map { MetricLabel(name: $0.key, value: $0.value) }.sorted()
  }

  static func < (a: MetricLabel, b: MetricLabel) -> Bool {
    (a.name, a.value) < (b.name, b.value)
  }
}

/// What a described or sampled metric is; decides the end of its exposed name.
package enum MetricKind: Sendable {
  case counter
  case gauge
  /// A timer: a histogram of seconds.
  case duration
  /// A recorder that aggregates: a histogram of bytes (names ending in size or bytes) or counts.
  case distribution

  func exposedName(_ label: String) -> String {
    switch self {
    case .counter: MetricName.counter(label)
    case .gauge: MetricName.sanitized(label)
    case .distribution: MetricName.recorder(label)
    case .duration: MetricName.duration(label)
    }
  }
}
