import Synchronization

/// Whoever reads a synthesis; told when there is more of it.
protocol SpeechObserver: AnyObject, Sendable {
  /// Called from any thread, with no lock held.
  func synthesisAdvanced()
}

/// One sentence's audio while the engine makes it and after: written by one task, read by any number of subscribers.
final class SpeechSynthesis: Sendable {
  let request: SpeechRequest
  private let state = Mutex(State())

  private struct State {
    var bytes: [UInt8] = []
    var end: End?
    var duration_ms: Int64?
    /// While it goes on; when the last one leaves, it is given up.
    var observers: [ObjectIdentifier: any SpeechObserver] = [:]
    var abandonment: CheckedContinuation<Void, Never>?
  }

  private enum End { case complete, failed }

  init(_ request: SpeechRequest) { self.request = request }

  // MARK: Reading

  enum Part: Equatable {
    /// Bytes from the asked offset on; `isEnd`: nothing follows them.
    case bytes([UInt8], isEnd: Bool)
    case wait
    case failed
  }

  /// What there is from `offset` on: at least `minimum` bytes unless it is the end, at most `maximum`.
  func read(from offset: Int, minimum: Int, maximum: Int) -> Part {
    state.withLock { state in
      if state.end == .failed { return .failed }
      let available = state.bytes.count - offset
      let isComplete = state.end == .complete
      guard isComplete || available >= minimum else { return .wait }
      let count = min(available, maximum)
      return .bytes(Array(state.bytes[offset..<offset + count]), isEnd: isComplete && count == available)
    }
  }

  /// Of the whole sentence, once it is there and its format was understood.
  var duration_ms: Int64? { state.withLock { $0.duration_ms } }
  var size_bytes: Int { state.withLock { $0.bytes.count } }

  /// False: it failed or was given up; ask the cache again.
  func add(_ observer: any SpeechObserver) -> Bool {
    state.withLock { state in
      switch state.end {
      case .failed: return false
      case .complete: return true
      case nil:
        state.observers[ObjectIdentifier(observer)] = observer
        return true
      }
    }
  }

  /// Nobody left: it has failed, and the engine need not go on.
  func remove(_ observer: any SpeechObserver) {
    state.withLock { state -> CheckedContinuation<Void, Never>? in
      guard state.observers.removeValue(forKey: ObjectIdentifier(observer)) != nil, state.observers.isEmpty,
        state.end == nil
      else { return nil }
      state.end = .failed
      state.bytes = []
      defer { state.abandonment = nil }
      return state.abandonment
    }?.resume()
  }

  // MARK: Writing

  /// False when nobody reads it any more.
  var isWanted: Bool { state.withLock { $0.end == nil } }

  /// As `isWanted`. Throws `SpeechSynthesisError.tooLarge`.
  func append(_ part: [UInt8]) throws(SpeechSynthesisError) -> Bool {
    let (isWanted, fits) = state.withLock { state in
      guard state.end == nil else { return (false, true) }
      guard state.bytes.count + part.count <= Limits.sentence_bytes else { return (true, false) }
      state.bytes += part
      return (true, true)
    }
    guard fits else { throw .tooLarge(limit_bytes: Limits.sentence_bytes) }
    if isWanted { notify() }
    return isWanted
  }

  /// Returns when nobody reads it any more, when it has ended, or when the task is cancelled.
  func abandoned() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isOver = state.withLock { state in
          if state.end != nil || Task.isCancelled { return true }
          state.abandonment = continuation
          return false
        }
        if isOver { continuation.resume() }
      }
    } onCancel: {
      takeAbandonment()?.resume()
    }
  }

  private func takeAbandonment() -> CheckedContinuation<Void, Never>? {
    state.withLock { state in
      defer { state.abandonment = nil }
      return state.abandonment
    }
  }

  func finish() { end(.complete) }
  func fail() { end(.failed) }

  private func end(_ end: End) {
    let observers = state.withLock { state in
      if state.end == nil {
        state.end = end
        if end == .complete {
          state.duration_ms = AudioDuration.milliseconds(of: state.bytes, format: request.format)
        } else {
          state.bytes = []
        }
      }
      defer { state.observers = [:] }
      return state.observers
    }
    takeAbandonment()?.resume()
    for observer in observers.values { observer.synthesisAdvanced() }
  }

  private func notify() {
    for observer in state.withLock({ $0.observers }).values { observer.synthesisAdvanced() }
  }
}
