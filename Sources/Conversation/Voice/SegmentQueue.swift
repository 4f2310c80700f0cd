import DequeModule
import Synchronization

/// What a stream has received and not answered yet, in the order of its coming: between the task that reads the stream
/// and the one that stores. At most `Limits.unacknowledgedSegments`; then the reader waits.
final class SegmentQueue: Sendable {
  enum Entry: Sendable {
    case segment(AudioSegment)
    case refused(index: Int, SegmentRefusal, endsRecording: Bool = false)

    /// Nobody needs to be there for it.
    var isToBeStored: Bool {
      switch self {
      case .segment: true
      case .refused(_, _, let endsRecording): endsRecording
      }
    }
  }

  fileprivate struct State {
    var entries = Deque<Entry>()
    /// Those taken and not acknowledged.
    var taken = 0
    var isClosed = false
    /// Why the reader must stop; thrown after everything received is answered.
    var end: ConversationError?
    var adder: CheckedContinuation<Void, Never>?
    var taker: CheckedContinuation<Void, Never>?
  }

  private let state = Mutex(State())

  /// Suspends while too much is unacknowledged. False when the stream takes nothing more.
  func add(_ entry: Entry) async throws -> Bool {
    while true {
      try Task.checkCancellation()
      enum Step { case added, wait, refused }
      let step = change { state -> Step in
        if state.isClosed { return .refused }
        guard state.entries.count + state.taken < Limits.unacknowledgedSegments else { return .wait }
        state.entries.append(entry)
        return .added
      }
      switch step {
      case .added: return true
      case .refused: return false
      case .wait: await suspend(\.adder) { $0.isClosed || $0.hasRoom }
      }
    }
  }

  /// What can be stored together, or one refusal; `nil` when the stream has ended and everything was taken.
  /// - Throws: the reason for the end.
  func take() async throws -> [Entry]? {
    while true {
      try Task.checkCancellation()
      let batch = change { state -> [Entry]? in
        let batch = Self.batch(&state.entries)
        state.taken += batch.count
        return batch.isEmpty && state.isClosed ? nil : batch
      }
      guard let batch else {
        if let end = state.withLock({ $0.end }) { throw end }
        return nil
      }
      if !batch.isEmpty { return batch }
      await suspend(\.taker) { $0.isClosed || !$0.entries.isEmpty }
    }
  }

  func acknowledge(_ count: Int) { change { $0.taken -= count } }

  /// Nothing more is taken in.
  func close(_ end: ConversationError? = nil) {
    change { state in
      if !state.isClosed { state.end = end }
      state.isClosed = true
    }
  }

  /// What nobody has stored, of a stream that broke off.
  func abandon() -> [Entry] {
    change { state in
      state.isClosed = true
      defer { state.entries.removeAll() }
      return Array(state.entries)
    }
  }

  /// Index 0 goes alone: it may begin a generation, and what follows belongs to that one.
  private static func batch(_ entries: inout Deque<Entry>) -> [Entry] {
    var batch: [Entry] = []
    var size_bytes = 0
    while let entry = entries.first {
      guard case .segment(let segment) = entry else {
        if batch.isEmpty { batch.append(entries.removeFirst()) }
        break
      }
      size_bytes += segment.content.count
      if !batch.isEmpty, segment.index == 0 || size_bytes > Limits.batch_bytes { break }
      batch.append(entries.removeFirst())
      if segment.index == 0 { break }
    }
    return batch
  }

  private func change<R: Sendable>(_ body: (inout State) -> R) -> R {
    let (result, adder, taker) = state.withLock { state in
      let result = body(&state)
      var adder: CheckedContinuation<Void, Never>?
      var taker: CheckedContinuation<Void, Never>?
      if state.isClosed || state.hasRoom { swap(&adder, &state.adder) }
      if state.isClosed || !state.entries.isEmpty { swap(&taker, &state.taker) }
      return (result, adder, taker)
    }
    adder?.resume()
    taker?.resume()
    return result
  }

  private func suspend(
    _ place: any WritableKeyPath<State, CheckedContinuation<Void, Never>?> & Sendable,
    unless isReady: @Sendable (borrowing State) -> Bool
  ) async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let waits = state.withLock { state in
          if Task.isCancelled || isReady(state) { return false }
          state[keyPath: place] = continuation
          return true
        }
        if !waits { continuation.resume() }
      }
    } onCancel: {
      state.withLock { state in
        defer { state[keyPath: place] = nil }
        return state[keyPath: place]
      }?.resume()
    }
  }
}

extension SegmentQueue.State {
  fileprivate var hasRoom: Bool { entries.count + taken < Limits.unacknowledgedSegments }
}
