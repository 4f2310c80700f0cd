import DequeModule
import Synchronization

/// Lets a bounded number of operations run at the same time; the others wait in order.
final class Gate: Sendable {
  private let state: Mutex<State>

  private struct State {
    var free: Int
    var waiting = Deque<Waiter>()
    var nextID = 0
  }

  private struct Waiter {
    var id: Int
    var continuation: CheckedContinuation<Bool, Never>
  }

  init(width: Int) { state = Mutex(State(free: width)) }

  /// Throws `CancellationError` when the task is cancelled while it waits.
  func pass<R: Sendable>(_ operation: () async throws -> R) async throws -> R {
    try await enter()
    defer { leave() }
    return try await operation()
  }

  private func enter() async throws {
    let id = state.withLock { state -> Int? in
      guard state.free == 0 else {
        state.free -= 1
        return nil
      }
      state.nextID += 1
      return state.nextID
    }
    guard let id else { return }
    let entered = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let decided = state.withLock { state -> Bool? in
          if Task.isCancelled { return false }
          if state.free > 0 {
            state.free -= 1
            return true
          }
          state.waiting.append(Waiter(id: id, continuation: continuation))
          return nil
        }
        if let decided { continuation.resume(returning: decided) }
      }
    } onCancel: {
      state.withLock { state -> CheckedContinuation<Bool, Never>? in
        guard let index = state.waiting.firstIndex(where: { $0.id == id }) else { return nil }
        return state.waiting.remove(at: index).continuation
      }?.resume(returning: false)
    }
    guard entered else { throw CancellationError() }
  }

  private func leave() {
    let next = state.withLock { state -> CheckedContinuation<Bool, Never>? in
      if let waiter = state.waiting.popFirst() { return waiter.continuation }
      state.free += 1
      return nil
    }
    next?.resume(returning: true)
  }
}
