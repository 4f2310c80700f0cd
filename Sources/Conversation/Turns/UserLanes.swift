import DequeModule
import Synchronization

/// One operation at a time per user: replies of a user's conversations change the same interview state.
final class UserLanes: Sendable {
  /// A user is in the table while somebody is in the lane; the queue holds those who wait.
  private let state = Mutex<[UserID: Deque<CheckedContinuation<Void, Never>>]>([:])

  func pass<R>(_ user: UserID, _ operation: () async throws -> R) async rethrows -> R {
    await enter(user)
    defer { leave(user) }
    return try await operation()
  }

  private func enter(_ user: UserID) async {
    await withCheckedContinuation { continuation in
      let isFree = state.withLock { lanes in
        if lanes[user] != nil {
          lanes[user]?.append(continuation)
          return false
        }
        lanes[user] = []
        return true
      }
      if isFree { continuation.resume() }
    }
  }

  private func leave(_ user: UserID) {
    let next = state.withLock { lanes -> CheckedContinuation<Void, Never>? in
      if let next = lanes[user]?.popFirst() { return next }
      lanes[user] = nil
      return nil
    }
    next?.resume()
  }
}
