import DequeModule
import Synchronization

/// Bytes that many streams share: who asks for more than is free waits, in order. Calls come from any thread.
final class MemoryBudget: Sendable {
  private struct Waiter {
    var id: Int
    var size_bytes: Int
    var continuation: CheckedContinuation<Void, Never>
  }

  private struct State {
    var free_bytes: Int
    var waiting = Deque<Waiter>()
    /// Waiters that have their share and do not know it yet.
    var granted: Set<Int> = []
    var nextID = 0

    mutating func grant() -> [CheckedContinuation<Void, Never>] {
      var ready: [CheckedContinuation<Void, Never>] = []
      while let first = waiting.first, first.size_bytes <= free_bytes {
        free_bytes -= first.size_bytes
        granted.insert(first.id)
        ready.append(first.continuation)
        waiting.removeFirst()
      }
      return ready
    }
  }

  private let state: Mutex<State>

  init(size_bytes: Int) { state = Mutex(State(free_bytes: size_bytes)) }

  var free_bytes: Int { state.withLock { $0.free_bytes } }
  var waitingCount: Int { state.withLock { $0.waiting.count } }

  /// False when there is no room within `patience_ms`. Throws `CancellationError`.
  func reserve(_ size_bytes: Int, patience_ms: Int64) async throws -> Bool {
    let waiter = state.withLock { state -> Int? in
      if state.waiting.isEmpty, state.free_bytes >= size_bytes {
        state.free_bytes -= size_bytes
        return nil
      }
      state.nextID += 1
      return state.nextID
    }
    guard let waiter else { return true }
    do {
      try await withTimeout(milliseconds: patience_ms) { try await self.wait(waiter, for: size_bytes) }
      _ = state.withLock { $0.granted.remove(waiter) }
      return true
    } catch {
      // It may have been granted at the very moment the patience ended.
      if state.withLock({ $0.granted.remove(waiter) }) != nil { release(size_bytes) }
      if error is TimedOut { return false }
      throw error
    }
  }

  func release(_ size_bytes: Int) {
    let ready = state.withLock { state in
      state.free_bytes += size_bytes
      return state.grant()
    }
    for continuation in ready { continuation.resume() }
  }

  private func wait(_ id: Int, for size_bytes: Int) async throws {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let ready = state.withLock { state -> [CheckedContinuation<Void, Never>] in
          if Task.isCancelled { return [continuation] }
          state.waiting.append(Waiter(id: id, size_bytes: size_bytes, continuation: continuation))
          return state.grant()
        }
        for continuation in ready { continuation.resume() }
      }
    } onCancel: {
      state.withLock { state -> CheckedContinuation<Void, Never>? in
        guard let index = state.waiting.firstIndex(where: { $0.id == id }) else { return nil }
        return state.waiting.remove(at: index).continuation
      }?.resume()
    }
    guard state.withLock({ $0.granted.contains(id) }) else { throw CancellationError() }
  }
}
