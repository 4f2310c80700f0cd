import Foundation

/// What must happen at a moment, and how long the thread may sleep until then.
extension PoolLoop {
  func checkTime() {
    for command in scheduler.removeExpired(now_ns: now_ns) {
      finish(command.command, .failure(.waitedTooLong(lastFailure: lastFailure)))
    }
    for connection in connections {
      guard let connection, let deadline_ns = connection.nextDeadline_ns, deadline_ns <= now_ns else { continue }
      if connection.cancelSent {
        lose(
          connection,
          PostgreSQLError(kind: .timedOut, message: "the server did not answer in time; its connection was closed"))
      } else if let cancel = connection.prepareCancel() {
        cancelQueue.async { cancel.cancel() }
      }
    }
    reopenListeners()
  }

  func timeToNextDeadline_ms() -> Int32 {
    var next = scheduler.nextDeadline_ns ?? .max
    for connection in connections {
      if let deadline_ns = connection?.nextDeadline_ns { next = min(next, deadline_ns) }
    }
    if let stopDeadline_ns { next = min(next, stopDeadline_ns) }
    if scheduler.queuedCount > 0, connectNotBefore_ns > now_ns { next = min(next, connectNotBefore_ns) }
    for listener in listeners.values { next = min(next, listener.nextAttempt_ns ?? .max) }
    guard next != .max else { return -1 }
    let now_ns = MonotonicTime.now_ns()
    return next <= now_ns ? 0 : Int32(min((next - now_ns) / 1_000_000 + 1, 60_000))
  }
}
