import DequeModule
import Synchronization

/// One reader of a conversation: a bounded buffer between whoever commits events and one Connect stream.
///
/// Events may be offered in any order and twice; they are taken in the order of their sequence, each once. Offers come
/// from any thread and never wait. Only one task takes.
package final class Subscription: Sendable {
  package let user: UserID
  package let conversation: ConversationID
  /// The second in which the reader's token has ended; `nil`: never.
  let expiry_s: Int64?
  /// For a reader that asked for speech.
  let speech: SpeechRenderer?
  let outlastsDrain: Bool
  private let bounds: Bounds
  private let state = Mutex(State())

  /// How far a reader may lag behind.
  package struct Bounds: Sendable {
    package var events: Int
    package var size_bytes: Int

    package init(events: Int, size_bytes: Int) {
      self.events = events
      self.size_bytes = size_bytes
    }
  }

  init(
    user: UserID, conversation: ConversationID, bounds: Bounds, expiry_s: Int64? = nil, speech: SpeechRenderer? = nil,
    outlastsDrain: Bool = false
  ) {
    self.outlastsDrain = outlastsDrain
    self.expiry_s = expiry_s
    self.speech = speech
    self.user = user
    self.conversation = conversation
    self.bounds = bounds
  }

  /// What to do next.
  package indirect enum Step: Sendable {
    case deliver(Taken)
    /// Events after `after` exist that were not offered yet: wait a moment, then read the log.
    case gap(after: Int64, through: Int64)
    case end(SubscriptionEnd)
  }

  package indirect enum Taken: Sendable {
    case durable(DurableEvent)
    /// The chips that go with a turn this server has completed.
    case turnChips(TurnChips)
    case heartbeat(head: Int64)
    case listeningFeedback(ListeningFeedback)
    case speech(SpeechChunk)
  }

  private struct Entry {
    /// Of a durable event its own, of an ephemeral the one it follows.
    var sequence: Int64
    var isDurable: Bool
    var item: Taken
    var size_bytes: Int
  }

  private struct State {
    var entries = Deque<Entry>()
    var durableCount = 0
    var size_bytes = 0
    /// The last sequence taken; `nil` before `start`.
    var cursor: Int64?
    var knownHead: Int64 = 0
    var heartbeatDue = false
    var end: SubscriptionEnd?
    var waiter: CheckedContinuation<Void, Never>?
  }

  /// Everything up to `head` is delivered otherwise; live events follow.
  package func start(after head: Int64) {
    wake { state in
      state.cursor = head
      state.knownHead = max(state.knownHead, head)
    }
  }

  /// True from `start` on: a command has found or made the conversation.
  var isStarted: Bool { state.withLock { $0.cursor != nil } }

  package func offer(_ events: [DurableEvent], chips: TurnChips?) {
    wake { state in
      guard state.end == nil else { return }
      for event in events {
        state.knownHead = max(state.knownHead, event.sequence)
        insert(
          Entry(sequence: event.sequence, isDurable: true, item: .durable(event), size_bytes: event.size_bytes),
          into: &state)
      }
      if let chips, let last = events.last {
        insert(Entry(sequence: last.sequence, isDurable: false, item: .turnChips(chips), size_bytes: 256), into: &state)
      }
      bound(&state)
    }
  }

  /// A moment's word, after everything offered so far; gone when the reader is too slow.
  func offer(_ feedback: ListeningFeedback) {
    wake { state in
      guard state.end == nil, let cursor = state.cursor else { return }
      let sequence = max(cursor, state.entries.last?.sequence ?? 0)
      insert(
        Entry(sequence: sequence, isDurable: false, item: .listeningFeedback(feedback), size_bytes: 256), into: &state)
      bound(&state)
    }
  }

  /// The log is known to reach `head`, by a hint or a look at the store.
  package func noteHead(_ head: Int64) {
    wake { state in state.knownHead = max(state.knownHead, head) }
  }

  func heartbeat() {
    wake { state in state.heartbeatDue = true }
  }

  /// Speech waits to be taken: after everything else.
  func speechIsReady() {
    wake { _ in }
  }

  /// The stream ends after what was taken so far; the first reason counts.
  package func end(_ reason: SubscriptionEnd) {
    wake { state in
      guard state.end == nil else { return }
      state.end = reason
      state.entries.removeAll()
      state.size_bytes = 0
      state.durableCount = 0
    }
  }

  /// Waits for something to do. Throws `CancellationError` when the task is cancelled.
  package func next() async throws -> Step {
    while true {
      try Task.checkCancellation()
      if let step = state.withLock({ step(&$0) }) { return step }
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          let ready = state.withLock { state in
            // Something may have come since the look above; a cancelled task finds the waiter or comes back.
            if Task.isCancelled || isReady(state) { return true }
            state.waiter = continuation
            return false
          }
          if ready { continuation.resume() }
        }
      } onCancel: {
        wake { _ in }
      }
    }
  }

  /// After a gap was read from the log.
  package func advance(to sequence: Int64) {
    state.withLock { state in state.cursor = max(state.cursor ?? 0, sequence) }
  }

  private func wake(_ change: (inout State) -> Void) {
    let waiter = state.withLock { state in
      change(&state)
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume()
  }

  private func insert(_ entry: Entry, into state: inout State) {
    if let cursor = state.cursor, entry.isDurable, entry.sequence <= cursor { return }
    var index = state.entries.endIndex
    while index > state.entries.startIndex {
      let before = state.entries[index - 1]
      if before.sequence < entry.sequence || (before.sequence == entry.sequence && !entry.isDurable) { break }
      if entry.isDurable, before.isDurable, before.sequence == entry.sequence { return }
      index -= 1
    }
    state.entries.insert(entry, at: index)
    state.size_bytes += entry.size_bytes
    if entry.isDurable { state.durableCount += 1 }
  }

  /// Ephemerals go first; a reader that is still too far behind is sent away (design §7).
  private func bound(_ state: inout State) {
    func isOver() -> Bool {
      state.durableCount > bounds.events || state.size_bytes > bounds.size_bytes
    }
    guard isOver() else { return }
    state.entries.removeAll { !$0.isDurable }
    state.size_bytes = state.entries.reduce(0) { $0 + $1.size_bytes }
    guard isOver() else { return }
    state.end = .slowConsumer
    state.entries.removeAll()
    state.size_bytes = 0
    state.durableCount = 0
  }

  private func isReady(_ state: State) -> Bool {
    if state.end != nil { return true }
    guard let cursor = state.cursor else { return false }
    return !state.entries.isEmpty || state.knownHead > cursor || state.heartbeatDue || speech?.isReady == true
  }

  private func step(_ state: inout State) -> Step? {
    if let end = state.end { return .end(end) }
    guard let cursor = state.cursor else { return nil }
    while let first = state.entries.first {
      if first.isDurable ? first.sequence <= cursor : false {
        Self.drop(&state)
        continue
      }
      if first.isDurable ? first.sequence == cursor + 1 : first.sequence <= cursor {
        Self.drop(&state)
        if first.isDurable { state.cursor = first.sequence }
        return .deliver(first.item)
      }
      return .gap(after: cursor, through: first.isDurable ? first.sequence - 1 : first.sequence)
    }
    if state.knownHead > cursor { return .gap(after: cursor, through: state.knownHead) }
    if state.heartbeatDue {
      state.heartbeatDue = false
      return .deliver(.heartbeat(head: max(state.knownHead, cursor)))
    }
    return speech?.take().map { .deliver(.speech($0)) }
  }

  private static func drop(_ state: inout State) {
    let entry = state.entries.removeFirst()
    state.size_bytes -= entry.size_bytes
    if entry.isDurable { state.durableCount -= 1 }
  }
}

/// The topics to suggest after a turn.
package struct TurnChips: Sendable, Equatable {
  package var turn: TurnID
  package var kind: TurnKind
  package var suggestions: Suggestions
}

extension DurableEvent {
  /// About what it holds in memory.
  var size_bytes: Int {
    switch kind {
    case .userMessage(let message): 256 + message.text.utf8.count
    case .agentMessage(let piece): 256 + piece.text.utf8.count
    case .speechFinished(let finish): 256 + finish.heardText.utf8.count
    case .turnStarted, .turnCompleted, .turnFailed, .transcriptionFailed, .conversationEnded: 256
    }
  }
}
