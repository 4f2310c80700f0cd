import Foundation

/// Something for one connection to do, and whom to tell. Immutable; made by the caller, run by the pool's thread.
final class Command: Sendable {
  enum Work: Sendable {
    case query(Statement, EncodedParameters, CommandKind)
    /// Simple protocol, several statements; its result has no rows.
    case script(String)
    /// Takes a connection out of the pool until `release(id)`.
    case acquire
  }

  typealias Answer = Result<PostgreSQLResult, PostgreSQLError>

  let id: UInt64
  let work: Work
  /// The `acquire` command whose connection this one runs on; nil for any.
  let pin: UInt64?
  /// Sends `BEGIN` before it, in the same round trip.
  let begins: Bool
  /// Longest run before the client cancels it; nil for none.
  let timeout_ns: UInt64?
  let submitted_ns: UInt64
  private let continuation: UnsafeContinuation<Answer, Never>

  init(
    id: UInt64, work: Work, pin: UInt64?, begins: Bool, timeout_ns: UInt64?,
    continuation: UnsafeContinuation<Answer, Never>
  ) {
    self.id = id
    self.work = work
    self.pin = pin
    self.begins = begins
    self.timeout_ns = timeout_ns
    self.continuation = continuation
    submitted_ns = MonotonicTime.now_ns()
  }

  /// Exactly once. The waiting task goes on on its own executor.
  func finish(_ answer: Answer) {
    continuation.resume(returning: answer)
  }

  var name: String {
    switch work {
    case .query(let statement, _, _): statement.name
    case .script: "script"
    case .acquire: "acquire"
    }
  }

  var kind: CommandKind {
    if case .query(_, _, .read) = work { .read } else { .write }
  }
}

enum MonotonicTime {
  /// Nanoseconds since an arbitrary moment; never goes back.
  static func now_ns() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
