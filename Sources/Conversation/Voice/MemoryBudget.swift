import DequeModule
import Synchronization

/// Bytes that many streams share: who asks for more than is free waits, in order; who asks for more than a user's share
/// waits for their own, while others pass. Calls come from any thread.
final class MemoryBudget: Sendable {
  private struct Waiter {
    var id: Int
    var user: UserID
    var size_bytes: Int
    var continuation: CheckedContinuation<Void, Never>
  }

  private struct State {
    var free_bytes: Int
    let share_bytes: Int
    var held_bytes: [UserID: Int] = [:]
    var waiting = Deque<Waiter>()
    /// Waiters that have their share and do not know it yet.
    var granted: Set<Int> = []
    var nextID = 0

    func hasShare(_ size_bytes: Int, _ user: UserID) -> Bool {
      held_bytes[user, default: 0] + size_bytes <= share_bytes
    }

    mutating func take(_ size_bytes: Int, for user: UserID) {
      free_bytes -= size_bytes
      held_bytes[user, default: 0] += size_bytes
    }

    mutating func give(_ size_bytes: Int, of user: UserID) {
      free_bytes += size_bytes
      let left_bytes = held_bytes[user, default: 0] - size_bytes
      held_bytes[user] = left_bytes > 0 ? left_bytes : nil
    }

    mutating func grant() -> [CheckedContinuation<Void, Never>] {
      var ready: [CheckedContinuation<Void, Never>] = []
      var place = 0
      while place < waiting.count {
        let waiter = waiting[place]
        guard hasShare(waiter.size_bytes, waiter.user) else {
          place += 1
          continue
        }
        guard waiter.size_bytes <= free_bytes else { break }
        take(waiter.size_bytes, for: waiter.user)
        granted.insert(waiter.id)
        ready.append(waiter.continuation)
        waiting.remove(at: place)
      }
      return ready
    }
  }

  private let state: Mutex<State>

  /// - Parameter share_bytes: the most that one user may hold.
  init(size_bytes: Int, share_bytes: Int) {
    state = Mutex(State(free_bytes: size_bytes, share_bytes: share_bytes))
  }

  var free_bytes: Int { state.withLock { $0.free_bytes } }
  var waitingCount: Int { state.withLock { $0.waiting.count } }

  /// False when there is no room within `patience_ms`. Throws `CancellationError`.
  func reserve(_ size_bytes: Int, for user: UserID, patience_ms: Int64) async throws -> Bool {
    let waiter = state.withLock { state -> Int? in
      if state.waiting.isEmpty, state.free_bytes >= size_bytes, state.hasShare(size_bytes, user) {
        state.take(size_bytes, for: user)
        return nil
      }
      state.nextID += 1
      return state.nextID
    }
    guard let waiter else { return true }
    do {
      try await withTimeout(milliseconds: patience_ms) { try await self.wait(waiter, for: size_bytes, of: user) }
      _ = state.withLock { $0.granted.remove(waiter) }
      return true
    } catch {
      // It may have been granted at the very moment the patience ended.
      if state.withLock({ $0.granted.remove(waiter) }) != nil { release(size_bytes, of: user) }
      if error is TimedOut { return false }
      throw error
    }
  }

  func release(_ size_bytes: Int, of user: UserID) {
    let ready = state.withLock { state in
      state.give(size_bytes, of: user)
      return state.grant()
    }
    for continuation in ready { continuation.resume() }
  }

  private func wait(_ id: Int, for size_bytes: Int, of user: UserID) async throws {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let ready = state.withLock { state -> [CheckedContinuation<Void, Never>] in
          if Task.isCancelled { return [continuation] }
          state.waiting.append(Waiter(id: id, user: user, size_bytes: size_bytes, continuation: continuation))
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
