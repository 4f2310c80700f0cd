/// Writes the text exposition format (prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4).
struct PrometheusText {
  private(set) var text = ""

  mutating func append(_ family: PrometheusRegistry.Family, name: String, help: String?) {
    guard !family.series.isEmpty else { return }
    if let help { text += "# HELP \(name) \(Self.escapedHelp(help))\n" }
    text += "# TYPE \(name) \(family.kind.rawValue)\n"
    for (labels, series) in family.series.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      switch series {
      case .counter(let counter): sample(name, labels, "\(counter.value)")
      case .floatingPointCounter(let counter): sample(name, labels, Self.number(counter.value))
      case .gauge(let gauge): sample(name, labels, Self.number(gauge.value))
      case .sampled(let value): sample(name, labels, Self.number(value()))
      case .histogram(let histogram): append(histogram, name, labels)
      }
    }
  }

  private mutating func append(_ histogram: PrometheusHistogram, _ name: String, _ labels: [MetricLabel]) {
    let snapshot = histogram.snapshot()
    var cumulative: Int64 = 0
    for (index, count) in snapshot.counts.enumerated() {
      cumulative += count
      let bound = index < histogram.bounds.values.count ? Self.number(histogram.bounds.values[index]) : "+Inf"
      sample(name + "_bucket", labels + [MetricLabel(name: "le", value: bound)], "\(cumulative)")
    }
    sample(name + "_sum", labels, Self.number(snapshot.sum))
    sample(name + "_count", labels, "\(cumulative)")
  }

  private mutating func sample(_ name: String, _ labels: [MetricLabel], _ value: String) {
    text += name
    if !labels.isEmpty {
      text += "{"
      for (index, label) in labels.enumerated() {
        text += "\(index > 0 ? "," : "")\(label.name)=\"\(Self.escapedValue(label.value))\""
      }
      text += "}"
    }
    text += " \(value)\n"
  }

  static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    if let whole = Int64(exactly: value) { return "\(whole)" }
    return "\(value)"
  }

  private static func escapedHelp(_ text: String) -> String {
    text.unicodeScalars.map { $0 == "\\" ? "\\\\" : $0 == "\n" ? "\\n" : String($0) }.joined()
  }

  static func escapedValue(_ text: String) -> String {
    text.unicodeScalars.map {
      switch $0 {
      case "\\": "\\\\"
      case "\"": "\\\""
      case "\n": "\\n"
      default: String($0)
      }
    }.joined()
  }
}
