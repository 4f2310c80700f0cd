import DequeModule
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
    /// Not yet cut into chunks; the first one is at hand.
    var waiting = Deque<Sentence>()
    /// Made, not yet taken.
    var ready = Deque<Ready>()
    var ready_bytes = 0
    /// The chunk that is being written to the stream.
    var isDelivering = false
    var settling: [Int: CheckedContinuation<Void, Never>] = [:]
    var nextSettlingID = 0
    /// The newest replies, oldest first: what a cancel may be about.
    var replies: [Reply] = []
    /// The last reply of the replay, while nothing follows it.
    var replayed: [DurableEvent] = []
    /// Events up to here are not read aloud any more.
    var cancelledThrough: Int64 = 0
    var epoch: Int64 = 0
    var isClosed = false
    /// Tells the stream that there is a chunk.
    var wake: (@Sendable () -> Void)?
  }

  private struct Reply {
    var message: MessageID
    var turn: TurnID?
    /// Of its first piece.
    var sequence: Int64
    /// `nil`: not delivered on this stream.
    var pieces: [[SpokenReply.Sentence]?]
    /// Until its first chunk was delivered.
    var began: ContinuousClock.Instant?
  }

  private struct Sentence {
    var message: MessageID
    var sequence: Int64
    var piece: Int
    /// Within the piece.
    var index: Int
    var isLast: Bool
    var text: String
    var synthesis: SpeechSynthesis?
    var offset = 0
    /// Of the piece's next chunk.
    var chunk = 0
  }

  private struct Ready {
    var sequence: Int64
    var chunk: SpeechChunk
  }

  // MARK: What is read aloud

  /// Where chunks are announced; set before anything is spoken.
  func attach(_ wake: @escaping @Sendable () -> Void) { state.withLock { $0.wake = wake } }

  /// A durable event has been delivered: pieces are read aloud, a user's message ends what was spoken before it.
  func follow(_ event: DurableEvent) {
    switch event.kind {
    case .agentMessage(let piece): speak(piece, turn: event.turn, sequence: event.sequence)
    case .userMessage: cancel(through: event.sequence - 1, epoch: 0)
    case .speechFinished(let finish): cancel(through: finish.through, epoch: finish.cancelEpoch)
    case .turnStarted, .turnCompleted, .turnFailed, .transcriptionFailed, .conversationEnded: break
    }
  }

  /// An event of the replay was delivered. Only a reply that ends the replay may still be read aloud: after a lost signal.
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
      state.epoch = max(state.epoch, epoch)
      defer { state.replayed = [] }
      return state.replayed.filter { now.seconds(since: $0.createTime) <= Limits.replayedSpeech_s }
    }
    for event in recent { follow(event) }
  }

  private func speak(_ piece: AgentPiece, turn: TurnID?, sequence: Int64) {
    let found = SentenceSplitter.sentences(in: piece.text)
    // A piece without words has no sentence to read, but it ends as any other.
    let sentences = found.isEmpty ? [""] : found
    let isTaken = state.withLock { state in
      guard !state.isClosed, sequence > state.cancelledThrough,
        state.waiting.count + sentences.count <= Limits.waitingSentences
      else { return false }
      if state.replies.last?.message != piece.id {
        let first = sequence - Int64(piece.index)
        state.replies.append(Reply(message: piece.id, turn: turn, sequence: first, pieces: [], began: .now))
        if state.replies.count > Limits.rememberedReplies { state.replies.removeFirst() }
      }
      let reply = state.replies.count - 1
      while state.replies[reply].pieces.count <= piece.index { state.replies[reply].pieces.append(nil) }
      state.replies[reply].pieces[piece.index] = sentences.map { SpokenReply.Sentence(text: $0, duration_ms: nil) }
      for (index, text) in sentences.enumerated() {
        state.waiting.append(
          Sentence(
            message: piece.id, sequence: sequence, piece: piece.index, index: index,
            isLast: index == sentences.count - 1, text: text))
      }
      return true
    }
    if !isTaken { return engine.metrics.piecesSkipped.increment() }
    pump()
  }

  // MARK: What the stream does

  var isReady: Bool { state.withLock { !$0.ready.isEmpty } }

  /// The next chunk, under the epoch of this moment. `delivered` follows.
  func take() -> SpeechChunk? {
    state.withLock { state in
      guard var chunk = state.ready.popFirst()?.chunk else { return nil }
      state.ready_bytes -= chunk.audio.count
      state.isDelivering = true
      chunk.cancelEpoch = state.epoch
      return chunk
    }
  }

  /// What was taken last is on its way to the client.
  func delivered(_ chunk: SpeechChunk) {
    engine.metrics.chunksSent.increment()
    let (settled, began) = state.withLock { state in
      state.isDelivering = false
      var began: ContinuousClock.Instant?
      if let index = state.replies.firstIndex(where: { $0.message == chunk.message }) {
        began = state.replies[index].began
        state.replies[index].began = nil
      }
      defer { state.settling = [:] }
      return (state.settling, began)
    }
    if let began { engine.metrics.firstChunk.recordNanoseconds(began.elapsed_ns) }
    for continuation in settled.values { continuation.resume() }
    pump()
  }

  /// The stream is over.
  func close() {
    let (syntheses, settled) = state.withLock { state in
      state.isClosed = true
      let syntheses = state.waiting.compactMap(\.synthesis)
      let settled = state.settling
      state = State()
      state.isClosed = true
      return (syntheses, settled)
    }
    for synthesis in syntheses { synthesis.remove(self) }
    for continuation in settled.values { continuation.resume() }
  }

  // MARK: Cancelling

  /// Nothing of events up to `through` is taken any more, and every later chunk carries at least `epoch`.
  func cancel(through: Int64, epoch: Int64) {
    let (dropped, syntheses) = state.withLock { state in
      state.epoch = max(state.epoch, epoch)
      state.cancelledThrough = max(state.cancelledThrough, through)
      let limit = state.cancelledThrough
      let before = state.ready.count
      state.ready.removeAll { $0.sequence <= limit }
      state.ready_bytes = state.ready.reduce(0) { $0 + $1.chunk.audio.count }
      let over = state.waiting.filter { $0.sequence <= limit }
      let syntheses = over.compactMap(\.synthesis)
      for sentence in over { if let duration_ms = sentence.synthesis?.duration_ms { note(duration_ms, of: sentence, in: &state) } }
      state.waiting.removeAll { $0.sequence <= limit }
      let needed = Set(state.waiting.compactMap(\.synthesis).map { ObjectIdentifier($0) })
      return (before - state.ready.count, syntheses.filter { !needed.contains(ObjectIdentifier($0)) })
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

  /// The reply of the turn, or the newest one, when all of it was delivered here up to what is spoken now.
  func spokenReply(_ turn: TurnID?) -> SpokenReply? {
    state.withLock { state in
      guard var reply = state.replies.last(where: { turn == nil || $0.turn == turn }), !reply.pieces.contains(nil) else {
        return nil
      }
      for sentence in state.waiting where sentence.message == reply.message {
        guard let duration_ms = sentence.synthesis?.duration_ms else { continue }
        reply.pieces[sentence.piece]?[sentence.index].duration_ms = duration_ms
      }
      return SpokenReply(turn: reply.turn, sequence: reply.sequence, pieces: reply.pieces.compactMap { $0 })
    }
  }

  // MARK: Pumping

  /// Makes chunks as far as there is audio and room for them.
  private func pump() {
    var toStart: [SpeechSynthesis] = []
    let wake = state.withLock { state -> (@Sendable () -> Void)? in
      let before = state.ready.count
      while !state.isClosed, state.ready_bytes < Limits.readyChunks_bytes, !state.waiting.isEmpty {
        for index in 0..<min(2, state.waiting.count) where state.waiting[index].synthesis == nil {
          begin(index, &state, &toStart)
        }
        guard advance(&state) else { break }
      }
      return state.ready.count > before ? state.wake : nil
    }
    for synthesis in toStart { engine.start(synthesis) }
    wake?()
  }

  private func begin(_ index: Int, _ state: inout State, _ toStart: inout [SpeechSynthesis]) {
    let text = state.waiting[index].text
    guard SpeakingRate.isSpeakable(text) else { return }
    let request = SpeechRequest(text: MessageText.trimmed(text), voice: voice, format: format)
    let found = engine.synthesis(request, for: self)
    state.waiting[index].synthesis = found.synthesis
    if found.isNew { toStart.append(found.synthesis) }
  }

  /// One chunk, or the end of a sentence; false: wait for the engine.
  private func advance(_ state: inout State) -> Bool {
    guard var sentence = state.waiting.popFirst() else { return false }
    guard let synthesis = sentence.synthesis else {
      // Nothing to read.
      note(0, of: sentence, in: &state)
      if sentence.isLast { add([], of: sentence, endsSentence: true, endsPiece: true, to: &state) }
      passOn(sentence.chunk, after: sentence, in: &state)
      return true
    }
    switch synthesis.read(
      from: sentence.offset, minimum: sentence.offset == 0 ? 1 : Limits.chunkMinimum_bytes,
      maximum: Limits.chunk_bytes)
    {
    case .wait:
      state.waiting.prepend(sentence)
      return false
    case .bytes(let audio, let isEnd):
      add(audio, of: sentence, endsSentence: isEnd, endsPiece: isEnd && sentence.isLast, to: &state)
      sentence.offset += audio.count
      sentence.chunk += 1
      if isEnd {
        if let duration_ms = synthesis.duration_ms { note(duration_ms, of: sentence, in: &state) }
        passOn(sentence.chunk, after: sentence, in: &state)
      } else {
        state.waiting.prepend(sentence)
      }
    case .failed:
      // The engine failed: the speech of the piece ends here. Its text is not affected.
      add([], of: sentence, endsSentence: true, endsPiece: true, to: &state)
      note(0, of: sentence, in: &state)
      while let next = state.waiting.first, next.sequence == sentence.sequence {
        note(0, of: next, in: &state)
        state.waiting.removeFirst().synthesis?.remove(self)
      }
    }
    return true
  }

  /// Chunks are counted within the piece.
  private func passOn(_ chunk: Int, after sentence: Sentence, in state: inout State) {
    guard state.waiting.first?.sequence == sentence.sequence else { return }
    state.waiting[0].chunk = chunk
  }

  private func add(
    _ audio: [UInt8], of sentence: Sentence, endsSentence: Bool, endsPiece: Bool, to state: inout State
  ) {
    let chunk = SpeechChunk(
      message: sentence.message, piece: sentence.piece, index: sentence.chunk, audio: audio, isLast: endsPiece,
      cancelEpoch: state.epoch, sentence: sentence.index, endsSentence: endsSentence)
    state.ready.append(Ready(sequence: sentence.sequence, chunk: chunk))
    state.ready_bytes += audio.count
  }

  private func note(_ duration_ms: Int64, of sentence: Sentence, in state: inout State) {
    guard let reply = state.replies.lastIndex(where: { $0.message == sentence.message }) else { return }
    state.replies[reply].pieces[sentence.piece]?[sentence.index].duration_ms = duration_ms
  }
}

extension SpeechRenderer: SpeechObserver {
  func synthesisAdvanced() { pump() }
}
