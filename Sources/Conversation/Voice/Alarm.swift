import Synchronization

/// Wakes one sleeper; rings that nobody waits for are remembered as one. Calls come from any thread.
final class Alarm: Sendable {
  private struct State {
    var isRinging = false
    var sleeper: CheckedContinuation<Void, Never>?
  }

  private let state = Mutex(State())

  func ring() {
    state.withLock { state -> CheckedContinuation<Void, Never>? in
      guard let sleeper = state.sleeper else {
        state.isRinging = true
        return nil
      }
      state.sleeper = nil
      return sleeper
    }?.resume()
  }

  /// Returns after the next ring, at once when one came since the last call, or when the task is cancelled.
  func wait() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isAwake = state.withLock { state in
          if Task.isCancelled || state.isRinging {
            state.isRinging = false
            return true
          }
          state.sleeper = continuation
          return false
        }
        if isAwake { continuation.resume() }
      }
    } onCancel: {
      ring()
    }
  }
}
