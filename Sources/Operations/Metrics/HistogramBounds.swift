/// Upper bounds of a histogram's buckets, ascending; the last bucket, +Inf, is not listed. The three sets are those of
/// gRFC A66 ("Metrics Schema"), so that dashboards made for other gRPC servers work.
struct HistogramBounds: Sendable, Equatable {
  /// Bounds of durations are seconds but compared in nanoseconds.
  let values: [Double]
  let isDuration: Bool

  /// Room in `Histogram`'s fixed storage, one more than the longest list.
  static let bucketCount_max = 48

  static let duration = HistogramBounds(
    values: [
      0, 0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01,
      0.013, 0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8,
      1, 2, 5, 10, 20, 50, 100,
    ], isDuration: true)
  static let byteCount = HistogramBounds(
    values: [
      0, 1024, 2048, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864, 268_435_456,
      1_073_741_824, 4_294_967_296,
    ], isDuration: false)
  static let count = HistogramBounds(values: [0] + (0...16).map { Double(1 << $0) }, isDuration: false)

  /// The first bucket whose bound is not below `value` (Prometheus's `le`).
  func bucket(of value: Double) -> Int {
    var low = 0
    var high = values.count
    while low < high {
      let middle = (low + high) / 2
      if values[middle] < value { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
