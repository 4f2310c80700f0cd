import DequeModule
import Synchronization

/// Stores what running recordings go on with, of several streams by one statement: while one statement is under way, what
/// comes meanwhile waits for the next. One of those who wait runs it for all of them.
///
/// Everything else (a first segment, a last one, a gap, a repetition) is stored by itself.
final class SegmentWriter: Sendable {
  private enum Wake {
    case stored(StoredSegments?)
    /// Run a statement for these; the first is one's own.
    case lead([Waiter])
  }

  private struct Waiter {
    var id: Int
    var command: StoreSegments
    var continuation: CheckedContinuation<Wake, Never>?
  }

  private struct State {
    /// Not empty only while `Limits.segmentStatements` are running.
    var waiting = Deque<Waiter>()
    var running = 0
    var nextID = 0
  }

  private let store: any SegmentStore
  private let state = Mutex(State())

  init(store: any SegmentStore) { self.store = store }

  /// Commands that wait for a statement.
  var waitingCount: Int { state.withLock { $0.waiting.count } }

  func write(_ command: StoreSegments) async throws -> StoredSegments {
    if command.isContinuation, let stored = try await extend(command) { return stored }
    return try await store.storeSegments(command)
  }

  /// `nil`: to be stored by itself.
  private func extend(_ command: StoreSegments) async throws -> StoredSegments? {
    let id = state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    let wake = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let wake = state.withLock { state -> Wake? in
          if Task.isCancelled { return .stored(nil) }
          guard state.running == Limits.segmentStatements else {
            state.running += 1
            return .lead([Waiter(id: id, command: command)])
          }
          state.waiting.append(Waiter(id: id, command: command, continuation: continuation))
          return nil
        }
        if let wake { continuation.resume(returning: wake) }
      }
    } onCancel: {
      state.withLock { state in
        state.waiting.firstIndex { $0.id == id }.flatMap { state.waiting.remove(at: $0).continuation }
      }?.resume(returning: .stored(nil))
    }
    switch wake {
    case .stored(let stored):
      try Task.checkCancellation()
      return stored
    case .lead(let group):
      return try await lead(group)
    }
  }

  private func lead(_ group: [Waiter]) async throws -> StoredSegments? {
    let stored: [StoredSegments?]
    do {
      stored = try await store.extendRecordings(group.map(\.command))
    } catch {
      // One of them may be the cause: each finds out by itself.
      stored = Array(repeating: nil, count: group.count)
    }
    for (waiter, stored) in zip(group, stored).dropFirst() { waiter.continuation?.resume(returning: .stored(stored)) }
    passOn()
    try Task.checkCancellation()
    return stored[0]
  }

  /// The next group is led by its first.
  private func passOn() {
    let next = state.withLock { state -> (leader: CheckedContinuation<Wake, Never>?, group: [Waiter])? in
      guard var leader = state.waiting.popFirst() else {
        state.running -= 1
        return nil
      }
      let continuation = leader.continuation
      leader.continuation = nil
      var group = [leader]
      var size_bytes = leader.command.size_bytes
      while let next = state.waiting.first, size_bytes + next.command.size_bytes <= Limits.batch_bytes {
        size_bytes += next.command.size_bytes
        group.append(state.waiting.removeFirst())
      }
      return (continuation, group)
    }
    if let next { next.leader?.resume(returning: .lead(next.group)) }
  }
}

extension StoreSegments {
  /// The next segments of a recording, and not its last, as nearly all are.
  fileprivate var isContinuation: Bool {
    guard key.generation > 0, let expected = expectedIndex else { return false }
    return segments.enumerated().allSatisfy { place, segment in segment.index == expected + place && !segment.isLast }
  }

  fileprivate var size_bytes: Int { segments.reduce(0) { $0 + $1.content.count } }
}
