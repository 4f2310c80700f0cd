import HTTP2
import Metrics

/// The series of a server's connections; there from the start, so that they read 0 and not nothing.
struct ConnectionMetrics: Sendable {
  private let limits = Self.counters(HTTP2Limit.self, "lifeecho.http2.limits", "limit")
  private let refusals = Self.counters(ConnectionRefusal.self, "lifeecho.grpc.connections.refused", "reason")

  private static func counters<Key: CaseIterable & Hashable & RawRepresentable<String>>(
    _ keys: Key.Type, _ label: String, _ dimension: String
  ) -> [Key: Counter] {
    let counters = keys.allCases.map { ($0, Counter(label: label, dimensions: [(dimension, $0.rawValue)])) }
    return Dictionary(uniqueKeysWithValues: counters)
  }

  func reached(_ limit: HTTP2Limit) { limits[limit]?.increment() }
  func refused(_ reason: ConnectionRefusal) { refusals[reason]?.increment() }
}

/// Why a server has no place for a connection; raw values are metric label values.
enum ConnectionRefusal: String, CaseIterable {
  /// It has as many as it may.
  case limit
  /// The process, or the machine, has no descriptors or no memory for another.
  case descriptors
}
