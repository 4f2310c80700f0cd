import Interview
import Metrics
import Synchronization

/// Reads the replies of one Connect stream aloud: cuts them into sentences, has the sentence at hand and the next one
/// synthesised, and keeps a bounded number of chunks for the stream, which takes them when it has nothing durable to
/// send (design §7, Speech out).
///
/// It has no task of its own: whatever happens (a piece, bytes of the engine, a chunk delivered, a cancel) pumps. Calls
/// come from any thread and never wait. The subscription's lock may be held when its methods are called, never the
/// other way round.
package final class SpeechRenderer: Sendable {
  private let engine: SpeechEngine
  private let voice: String
  private let format: SpeechFormat
  private let state = Mutex(State())

  init(engine: SpeechEngine, voice: String, format: SpeechFormat) {
    self.engine = engine
    self.voice = voice
    self.format = format
  }

  private struct State {
    var queue = SpeechQueue()
    /// A chunk is being written to the stream.
    var isDelivering = false
    var settling: [Int: CheckedContinuation<Void, Never>] = [:]
    var nextSettlingID = 0
    /// The last reply of the replay, while nothing follows it.
    var replayed: [DurableEvent] = []
    var isClosed = false
    /// Tells the stream that there is a chunk.
    var wake: (@Sendable () -> Void)?
  }

  /// Where chunks are announced; set before anything is spoken.
  func attach(_ wake: @escaping @Sendable () -> Void) { state.withLock { $0.wake = wake } }

  // MARK: What is read aloud

  /// A durable event has been delivered: pieces are read aloud, a user's message ends what was spoken before it.
  func follow(_ event: DurableEvent) {
    switch event.kind {
    case .agentMessage(let piece):
      let isTaken = state.withLock { state in
        !state.isClosed && state.queue.add(piece, turn: event.turn, sequence: event.sequence)
      }
      if isTaken { pump() } else { engine.metrics.piecesSkipped.increment() }
    case .userMessage: cancel(through: event.sequence - 1, epoch: 0)
    case .speechFinished(let finish): cancel(through: finish.through, epoch: finish.cancelEpoch)
    case .turnStarted, .turnCompleted, .turnFailed, .transcriptionFailed, .conversationEnded: break
    }
  }

  /// An event of the replay was delivered. Only a reply that ends the replay may still be read aloud: the signal was
  /// lost, and the person still listens.
  func followReplay(_ event: DurableEvent) {
    state.withLock { state in
      switch event.kind {
      case .agentMessage(let piece):
        if case .agentMessage(let last)? = state.replayed.last?.kind, last.id != piece.id { state.replayed = [] }
        state.replayed.append(event)
      case .userMessage, .speechFinished, .conversationEnded: state.replayed = []
      case .turnStarted, .turnCompleted, .turnFailed, .transcriptionFailed: break
      }
    }
  }

  /// The replay is over; live events follow.
  /// - Parameter epoch: the conversation's, read after the stream subscribed.
  func begin(epoch: Int64, now: Timestamp) {
    let recent = state.withLock { state in
      state.queue.raise(epoch: epoch)
      defer { state.replayed = [] }
      return state.replayed.filter { now.seconds(since: $0.createTime) <= Limits.replayedSpeech_s }
    }
    for event in recent { follow(event) }
  }

  // MARK: What the stream does

  /// Nothing is being read aloud.
  var isIdle: Bool { state.withLock { !$0.isDelivering && $0.queue.isEmpty } }
  var isReady: Bool { state.withLock { $0.queue.readyCount > 0 } }

  /// The next chunk, under the epoch of this moment. `delivered` follows.
  func take() -> SpeechChunk? {
    state.withLock { state in
      guard let chunk = state.queue.take() else { return nil }
      state.isDelivering = true
      return chunk
    }
  }

  /// What was taken last is on its way to the client.
  func delivered(_ chunk: SpeechChunk) {
    engine.metrics.chunksSent.increment()
    let (settled, began) = state.withLock { state in
      state.isDelivering = false
      defer { state.settling = [:] }
      return (state.settling, state.queue.firstDelivery(of: chunk.message))
    }
    if let began { engine.metrics.firstChunk.recordNanoseconds(began.elapsed_ns) }
    for continuation in settled.values { continuation.resume() }
    pump()
  }

  /// The stream is over.
  func close() {
    let (queue, settled) = state.withLock { state in
      let old = state
      state = State()
      state.isClosed = true
      return (old.queue, old.settling)
    }
    for synthesis in queue.syntheses { synthesis.remove(self) }
    for continuation in settled.values { continuation.resume() }
  }

  // MARK: Cancelling

  /// Nothing of events up to `through` is taken any more, and every later chunk carries at least `epoch`.
  func cancel(through: Int64, epoch: Int64) {
    let (dropped, syntheses) = state.withLock { state in
      state.queue.raise(epoch: epoch)
      return state.queue.cancel(through: through)
    }
    if dropped > 0 { engine.metrics.chunksDropped.increment(by: dropped) }
    for synthesis in syntheses { synthesis.remove(self) }
    pump()
  }

  /// Waits until the chunk that was being written when a cancel came is on its way. Throws when the task is cancelled.
  func settle() async throws {
    let id = state.withLock { state -> Int? in
      guard state.isDelivering else { return nil }
      state.nextSettlingID += 1
      return state.nextSettlingID
    }
    guard let id else { return }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isSettled = state.withLock { state in
          if Task.isCancelled || !state.isDelivering { return true }
          state.settling[id] = continuation
          return false
        }
        if isSettled { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.settling.removeValue(forKey: id) }?.resume()
    }
    try Task.checkCancellation()
  }

  var isDelivering: Bool { state.withLock { $0.isDelivering } }

  /// The reply of the turn, or the newest one, as it is read aloud here.
  func spokenReply(_ turn: TurnID?) -> SpokenReply? { state.withLock { $0.queue.spokenReply(turn) } }

  // MARK: Pumping

  /// Makes chunks as far as there is audio and room for them.
  private func pump() {
    var toStart: [SpeechSynthesis] = []
    var unneeded: [SpeechSynthesis] = []
    let wake = state.withLock { state -> (@Sendable () -> Void)? in
      let before = state.queue.readyCount
      pumping: while !state.isClosed, state.queue.hasRoom {
        for index in state.queue.toAsk {
          let text = MessageText.trimmed(state.queue.text(at: index))
          let found = engine.synthesis(SpeechRequest(text: text, voice: voice, format: format), for: self)
          state.queue.set(found.synthesis, at: index)
          if found.isNew { toStart.append(found.synthesis) }
        }
        switch state.queue.advance() {
        case .on: break
        case .failed(let syntheses): unneeded += syntheses
        case .wait: break pumping
        }
      }
      return state.queue.readyCount > before ? state.wake : nil
    }
    for synthesis in toStart { engine.start(synthesis) }
    for synthesis in unneeded { synthesis.remove(self) }
    wake?()
  }
}

extension SpeechRenderer: SpeechObserver {
  func synthesisAdvanced() { pump() }
}
