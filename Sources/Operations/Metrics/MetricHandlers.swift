import CoreMetrics
import Synchronization

/// A `Double` that any thread may add to or set.
final class AtomicDouble: Sendable {
  private let bits = Atomic<UInt64>(0)

  var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

  func set(_ value: Double) {
    bits.store(value.bitPattern, ordering: .relaxed)
  }

  func add(_ amount: Double) {
    var old = bits.load(ordering: .relaxed)
    while true {
      let new = (Double(bitPattern: old) + amount).bitPattern
      let (exchanged, current) = bits.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
      if exchanged { return }
      old = current
    }
  }
}

/// One atomic addition per increment. Never decreases, except by `reset`.
package final class PrometheusCounter: CounterHandler {
  private let count = Atomic<Int64>(0)

  package var value: Int64 { count.load(ordering: .relaxed) }

  package func increment(by amount: Int64) {
    guard amount > 0 else { return }
    count.wrappingAdd(amount, ordering: .relaxed)
  }

  package func reset() {
    count.store(0, ordering: .relaxed)
  }
}

/// A counter of fractions (seconds, say).
package final class PrometheusFloatingPointCounter: FloatingPointCounterHandler {
  private let sum = AtomicDouble()

  package var value: Double { sum.value }

  package func increment(by amount: Double) {
    guard amount > 0, amount.isFinite else { return }
    sum.add(amount)
  }

  package func reset() {
    sum.set(0)
  }
}

/// A value that goes up and down; the last one recorded, for a recorder that does not aggregate.
package final class PrometheusGauge: MeterHandler, RecorderHandler {
  private let level = AtomicDouble()

  package var value: Double { level.value }

  package func set(_ value: Int64) { level.set(Double(value)) }
  package func set(_ value: Double) { level.set(value) }
  package func increment(by amount: Double) { level.add(amount) }
  package func decrement(by amount: Double) { level.add(-amount) }
  package func record(_ value: Int64) { level.set(Double(value)) }
  package func record(_ value: Double) { level.set(value) }
}
