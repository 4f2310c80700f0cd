import CoreMetrics
import Foundation
import Testing

@testable import Operations

@Suite struct MetricsTests {
  static func line(_ registry: PrometheusRegistry, _ prefix: String) -> [String] {
    registry.exposition().split(separator: "\n").map(String.init).filter { $0.hasPrefix(prefix) }
  }

  @Test func counts() {
    let registry = PrometheusRegistry()
    let counter = Counter(label: "grpc.server.call.started", dimensions: [("grpc.method", "a/B")], factory: registry)
    counter.increment()
    counter.increment(by: 41)
    #expect(Self.line(registry, "grpc") == ["grpc_server_call_started_total{grpc_method=\"a/B\"} 42"])
    counter.increment(by: -5)
    #expect(Self.line(registry, "grpc") == ["grpc_server_call_started_total{grpc_method=\"a/B\"} 42"])
    counter.reset()
    #expect(Self.line(registry, "grpc") == ["grpc_server_call_started_total{grpc_method=\"a/B\"} 0"])
  }

  @Test func handlesOfOneSeriesShareIt() {
    let registry = PrometheusRegistry()
    Counter(label: "a", dimensions: [("x", "1"), ("y", "2")], factory: registry).increment()
    Counter(label: "a", dimensions: [("y", "2"), ("x", "1")], factory: registry).increment()
    #expect(Self.line(registry, "a_") == ["a_total{x=\"1\",y=\"2\"} 2"])
  }

  @Test func seriesOutliveHandles() {
    let registry = PrometheusRegistry()
    let counter = Counter(label: "a", factory: registry)
    counter.increment()
    counter.destroy()
    #expect(Self.line(registry, "a_") == ["a_total 1"])
  }

  @Test func gaugesAndFractions() {
    let registry = PrometheusRegistry()
    let meter = Meter(label: "pool.idle", factory: registry)
    meter.set(3)
    meter.increment(by: 1.5)
    meter.decrement(by: 1.0)
    let fraction = FloatingPointCounter(label: "cpu.seconds", factory: registry)
    fraction.increment(by: 0.25)
    fraction.increment(by: -1.0)
    Gauge(label: "g", factory: registry).record(7)
    #expect(Self.line(registry, "pool") == ["pool_idle 3.5"])
    #expect(Self.line(registry, "cpu") == ["cpu_seconds_total 0.25"])
    #expect(Self.line(registry, "g ") == ["g 7"])
  }

  @Test func timersFillTheBucketsOfA66() {
    let registry = PrometheusRegistry()
    let timer = Timer(label: "grpc.server.call.duration", factory: registry)
    for nanoseconds in [0, 1, 10_000, 10_001, 3_000_000, 200_000_000_000, -5] {
      timer.recordNanoseconds(Int64(nanoseconds))
    }
    let lines = Self.line(registry, "grpc_server_call_duration_seconds")
    func count(_ bound: String) -> String? {
      lines.first { $0.contains("le=\"\(bound)\"") }?.split(separator: " ").last.map(String.init)
    }
    #expect(count("0") == "2" && count("1e-05") == "4" && count("5e-05") == "5" && count("0.002") == "5")
    #expect(count("0.003") == "6" && count("100") == "6" && count("+Inf") == "7")
    #expect(lines.contains("grpc_server_call_duration_seconds_count 7"))
    #expect(lines.contains("grpc_server_call_duration_seconds_sum 200.003020002"))
    #expect(lines.count == 41 + 1 + 2)
  }

  @Test func recordersCountBytesOrThings() {
    let registry = PrometheusRegistry()
    Recorder(label: "grpc.server.call.sent_total_compressed_message_size", factory: registry).record(2048)
    Recorder(label: "sql.statements", factory: registry).record(3)
    #expect(
      !Self.line(registry, "grpc_server_call_sent_total_compressed_message_size_bytes_bucket{le=\"2048\"} 1").isEmpty)
    #expect(!Self.line(registry, "sql_statements_bucket{le=\"4\"} 1").isEmpty)
    #expect(!Self.line(registry, "sql_statements_bucket{le=\"2\"} 0").isEmpty)
  }

  @Test(arguments: [HistogramBounds.duration, .byteCount, .count])
  func boundsAscendAndFit(_ bounds: HistogramBounds) {
    #expect(zip(bounds.values, bounds.values.dropFirst()).allSatisfy { $0 < $1 })
    #expect(bounds.values.count < HistogramBounds.bucketCount_max)
    for (index, bound) in bounds.values.enumerated() {
      #expect(bounds.bucket(of: bound) == index)
      #expect(bounds.bucket(of: bound.nextUp) == index + 1)
    }
    #expect(bounds.bucket(of: -1) == 0)
  }

  @Test func countsFromManyThreads() async {
    let registry = PrometheusRegistry()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          let counter = Counter(label: "c", factory: registry)
          let timer = Timer(label: "t", factory: registry)
          let meter = Meter(label: "m", factory: registry)
          for _ in 0..<10_000 {
            counter.increment()
            timer.recordNanoseconds(1000)
            meter.increment(by: 1)
          }
        }
      }
    }
    #expect(Self.line(registry, "c_total") == ["c_total 80000"])
    #expect(Self.line(registry, "t_seconds_count") == ["t_seconds_count 80000"])
    #expect(Self.line(registry, "t_seconds_sum") == ["t_seconds_sum 0.08"])
    #expect(Self.line(registry, "m ") == ["m 80000"])
  }

  @Test func boundsTheLabelSets() {
    let registry = PrometheusRegistry()
    for number in 0..<(Limits.seriesPerMetric + 50) {
      Counter(label: "c", dimensions: [("user", "\(number)")], factory: registry).increment()
    }
    #expect(Self.line(registry, "c_total").count == Limits.seriesPerMetric + 1)
    #expect(Self.line(registry, "c_total{user=\"other\"}") == ["c_total{user=\"other\"} 50"])
    #expect(Self.line(registry, "metrics_refused_total") == ["metrics_refused_total 50"])
  }

  @Test func boundsTheMetrics() {
    let registry = PrometheusRegistry()
    for number in 0..<(Limits.metrics + 10) { Counter(label: "c\(number)", factory: registry).increment() }
    #expect(registry.exposition().split(separator: "\n").count(where: { $0.hasPrefix("# TYPE") }) == Limits.metrics)
  }

  @Test func aNameIsOneKind() {
    let registry = PrometheusRegistry()
    Meter(label: "x_total", factory: registry).set(3)
    Counter(label: "x", factory: registry).increment()
    #expect(Self.line(registry, "x_total") == ["x_total 3.0"] || Self.line(registry, "x_total") == ["x_total 3"])
    #expect(Self.line(registry, "metrics_refused_total") == ["metrics_refused_total 1"])
  }

  @Test(arguments: [
    ("grpc.server.call.started", "grpc_server_call_started_total"), ("a_total", "a_total"), ("1a", "_1a_total"),
    ("", "__total"), ("您好", "___total"), ("a-b c", "a_b_c_total"), ("a:b", "a:b_total"),
  ])
  func mapsNames(_ label: String, _ name: String) {
    #expect(MetricName.counter(label) == name)
  }

  @Test func samplesAtEachScrape() {
    let registry = PrometheusRegistry()
    let level = AtomicDouble()
    registry.sample("pool.size", labels: [("kind", "read")], help: "Connections\nopen") { level.value }
    level.set(4)
    #expect(Self.line(registry, "pool_size") == ["pool_size{kind=\"read\"} 4"])
    level.set(5)
    #expect(Self.line(registry, "pool_size") == ["pool_size{kind=\"read\"} 5"])
    #expect(Self.line(registry, "# HELP pool_size") == ["# HELP pool_size Connections\\nopen"])
  }

  /// Prometheus's own Python parser reads every family, label and value as it was meant.
  @Test func isPrometheusText() async throws {
    let python = try #require(
      ProcessInfo.processInfo.environment["TEST_PYTHON"], "no parser for the text: run the tests with `make test`")
    let registry = PrometheusRegistry()
    ProcessMetrics.register(in: registry)
    let odd = "a\"b\\c\nd 您好 {},=#"
    registry.describe("odd", as: .counter, "Back\\slash and\nline")
    Counter(label: "odd", dimensions: [("l.a-b", odd), ("le", "x"), ("__name__", "y")], factory: registry).increment()
    Timer(label: "t", dimensions: [("m", "1")], factory: registry).recordSeconds(1)
    Recorder(label: "message.size", factory: registry).record(100)
    let meter = Meter(label: "m", factory: registry)
    meter.set(Double.nan)
    Meter(label: "n", factory: registry).set(-Double.infinity)
    let folder = try TemporaryFolder()
    let path = try folder.write(registry.exposition(), to: "metrics.txt")
    let script = """
      import json, sys
      from prometheus_client.parser import text_string_to_metric_families as parse
      print(json.dumps([[f.name, f.type, f.documentation, [[s.name, s.labels, str(s.value)] for s in f.samples]]
          for f in parse(open(sys.argv[1], encoding="utf-8", newline="").read())]))
      """
    let command = try await Command([python, "-c", script, path])
    try #require(command.status == 0, "\(command.output)")
    let families = try #require(try JSONSerialization.jsonObject(with: Data(command.output.utf8)) as? [[Any]])
    let named = Dictionary(uniqueKeysWithValues: families.map { ($0[0] as? String ?? "", $0) })
    let oddSample = try #require((named["odd"]?[3] as? [[Any]])?.first)
    #expect(oddSample[1] as? [String: String] == ["l_a_b": odd, "label_le": "x", "label___name__": "y"])
    #expect(named["odd"]?[2] as? String == "Back\\slash and\nline")
    #expect(named["t_seconds"]?[1] as? String == "histogram")
    #expect((named["t_seconds"]?[3] as? [[Any]])?.count == 44)
    #expect(named["message_size_bytes"]?[1] as? String == "histogram")
    #expect((named["m"]?[3] as? [[Any]])?.first?[2] as? String == "nan")
    #expect((named["n"]?[3] as? [[Any]])?.first?[2] as? String == "-inf")
    for name in [
      "process_cpu_seconds", "process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds",
    ] {
      let value = ((named[name]?[3] as? [[Any]])?.first?[2] as? String).flatMap { Double($0) }
      #expect((value ?? 0) > 0, "\(name)")
    }
  }
}
