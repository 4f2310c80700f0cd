/// How long the parts of a recording may take: in each `Limits.partPatience_ms` of waiting for the client,
/// `Limits.partProgress_bytes` have to arrive, be they whole messages or not. No I/O.
struct PartPatience: Sendable {
  private var began_bytes: Int
  /// Until `waited` looks at what has arrived.
  private(set) var left_ms = Limits.partPatience_ms

  /// - Parameter arrived_bytes: what has come already.
  init(arrived_bytes: Int) { began_bytes = arrived_bytes }

  /// So much longer the client was waited for; false when too little has come.
  mutating func waited(_ time_ms: Int64, arrived_bytes: Int) -> Bool {
    left_ms -= time_ms
    guard left_ms <= 0 else { return true }
    guard arrived_bytes - began_bytes >= Limits.partProgress_bytes else { return false }
    self = PartPatience(arrived_bytes: arrived_bytes)
    return true
  }
}

extension PartPatience {
  private enum Waited<Part: Sendable>: Sendable {
    case part(Part?)
    case until(PartPatience)
  }

  /// The next part; throws `TimedOut` when too little of it comes.
  mutating func next<Part: Sendable>(
    _ next: @Sendable () async throws -> Part?, arrived_bytes: @escaping @Sendable () -> Int
  ) async throws -> Part? {
    let patience = self
    return try await withoutActuallyEscaping(next) { next in
      try await withThrowingTaskGroup(of: Waited<Part>.self) { group in
        group.addTask { .part(try await next()) }
        group.addTask { .until(try await patience.watch(arrived_bytes)) }
        defer { group.cancelAll() }
        var part: Part?
        while let waited = try await group.next() {
          switch waited {
          case .part(let next):
            part = next
            group.cancelAll()
          case .until(let patience): self = patience
          }
        }
        return part
      }
    }
  }

  /// Returns when the task is cancelled: what is left of the patience.
  private consuming func watch(_ arrived_bytes: @Sendable () -> Int) async throws -> Self {
    var patience = self
    while !Task.isCancelled {
      let began = ContinuousClock.now
      try? await Task.sleep(for: .milliseconds(patience.left_ms))
      let isFast = patience.waited(began.elapsed_ns / 1_000_000, arrived_bytes: arrived_bytes())
      guard isFast || Task.isCancelled else { throw TimedOut() }
    }
    return patience
  }
}
