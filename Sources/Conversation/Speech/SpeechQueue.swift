import DequeModule

/// What one stream is to be told aloud: sentences that wait, chunks made of them, and the replies that a cancel may be
/// about. A value; `SpeechRenderer` guards it.
struct SpeechQueue {
  private struct Sentence {
    var message: MessageID
    /// Of its piece's event.
    var sequence: Int64
    var piece: Int
    /// Within the piece.
    var index: Int
    var isLast: Bool
    var text: String
    var synthesis: SpeechSynthesis?
    /// Bytes made into chunks.
    var offset = 0
    /// Of the piece's next chunk.
    var chunk = 0
  }

  private struct Ready {
    var sequence: Int64
    var chunk: SpeechChunk
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

  /// Not yet made into chunks; the first one is at hand.
  private var waiting = Deque<Sentence>()
  /// Made, not yet taken.
  private var ready = Deque<Ready>()
  private(set) var ready_bytes = 0
  /// The newest replies, oldest first.
  private var replies: [Reply] = []
  /// Events up to here are not read aloud any more.
  private var cancelledThrough: Int64 = 0
  private(set) var epoch: Int64 = 0

  var readyCount: Int { ready.count }
  var isEmpty: Bool { ready.isEmpty && waiting.isEmpty }
  var hasRoom: Bool { ready_bytes < Limits.readyChunks_bytes }

  mutating func raise(epoch: Int64) { self.epoch = max(self.epoch, epoch) }

  /// False: cancelled before it came, or too much waits already.
  mutating func add(_ piece: AgentPiece, turn: TurnID?, sequence: Int64) -> Bool {
    let found = SentenceSplitter.sentences(in: piece.text)
    // A piece without words has no sentence to read, but it ends as any other.
    let sentences = found.isEmpty ? [""] : found
    guard sequence > cancelledThrough, waiting.count + sentences.count <= Limits.waitingSentences else { return false }
    if replies.last?.message != piece.id {
      let first = sequence - Int64(piece.index)
      replies.append(Reply(message: piece.id, turn: turn, sequence: first, pieces: [], began: .now))
      if replies.count > Limits.rememberedReplies { replies.removeFirst() }
    }
    let reply = replies.count - 1
    while replies[reply].pieces.count <= piece.index { replies[reply].pieces.append(nil) }
    replies[reply].pieces[piece.index] = sentences.map { SpokenReply.Sentence(text: $0, duration_ms: nil) }
    for (index, text) in sentences.enumerated() {
      waiting.append(
        Sentence(
          message: piece.id, sequence: sequence, piece: piece.index, index: index,
          isLast: index == sentences.count - 1, text: text))
    }
    return true
  }

  /// The next chunk, under the epoch of this moment.
  mutating func take() -> SpeechChunk? {
    guard var chunk = ready.popFirst()?.chunk else { return nil }
    ready_bytes -= chunk.audio.count
    chunk.cancelEpoch = epoch
    return chunk
  }

  /// When the reply of a delivered chunk began, if this was its first one.
  mutating func firstDelivery(of message: MessageID) -> ContinuousClock.Instant? {
    guard let index = replies.firstIndex(where: { $0.message == message }) else { return nil }
    defer { replies[index].began = nil }
    return replies[index].began
  }

  /// Forgets what is not to be told any more.
  /// - Returns: how many chunks were dropped, and the syntheses that this stream needs no longer.
  mutating func cancel(through sequence: Int64) -> (dropped: Int, syntheses: [SpeechSynthesis]) {
    cancelledThrough = max(cancelledThrough, sequence)
    let limit = cancelledThrough
    let before = ready.count
    ready.removeAll { $0.sequence <= limit }
    ready_bytes = ready.reduce(0) { $0 + $1.chunk.audio.count }
    let over = waiting.filter { $0.sequence <= limit }
    for sentence in over {
      if let duration_ms = sentence.synthesis?.duration_ms { note(duration_ms, of: sentence) }
    }
    waiting.removeAll { $0.sequence <= limit }
    let needed = Set(waiting.compactMap(\.synthesis).map { ObjectIdentifier($0) })
    return (
      before - ready.count, over.compactMap(\.synthesis).filter { !needed.contains(ObjectIdentifier($0)) }
    )
  }

  /// The reply of the turn, or the newest one, as far as it was delivered here.
  func spokenReply(_ turn: TurnID?) -> SpokenReply? {
    guard var reply = replies.last(where: { turn == nil || $0.turn == turn }) else { return nil }
    for sentence in waiting where sentence.message == reply.message {
      guard let duration_ms = sentence.synthesis?.duration_ms else { continue }
      reply.pieces[sentence.piece]?[sentence.index].duration_ms = duration_ms
    }
    return SpokenReply(turn: reply.turn, sequence: reply.sequence, pieces: reply.pieces.map { $0 ?? [] })
  }

  // MARK: Making chunks

  /// The sentence at hand and the next one, as far as nobody has asked for them yet.
  var toAsk: [Int] { waiting.prefix(2).indices.filter { waiting[$0].synthesis == nil && isSpeakable(waiting[$0]) } }

  func text(at index: Int) -> String { waiting[index].text }
  /// Of everything that waits.
  var syntheses: [SpeechSynthesis] { waiting.compactMap(\.synthesis) }

  private func isSpeakable(_ sentence: Sentence) -> Bool { SpeakingRate.isSpeakable(sentence.text) }

  mutating func set(_ synthesis: SpeechSynthesis, at index: Int) { waiting[index].synthesis = synthesis }

  enum Advance {
    /// A chunk was made, or a sentence ended.
    case on
    /// The engine failed: these are needed no longer.
    case failed([SpeechSynthesis])
    /// The engine has no more yet, or nothing waits.
    case wait
  }

  mutating func advance() -> Advance {
    guard var sentence = waiting.popFirst() else { return .wait }
    guard let synthesis = sentence.synthesis else {
      // Nothing to read.
      note(0, of: sentence)
      if sentence.isLast { add([], of: sentence, endsSentence: true, endsPiece: true) }
      passOn(sentence.chunk, after: sentence)
      return .on
    }
    switch synthesis.read(
      from: sentence.offset, minimum: sentence.offset == 0 ? 1 : Limits.chunkMinimum_bytes,
      maximum: Limits.chunk_bytes)
    {
    case .wait:
      waiting.prepend(sentence)
      return .wait
    case .bytes(let audio, let isEnd):
      add(audio, of: sentence, endsSentence: isEnd, endsPiece: isEnd && sentence.isLast)
      sentence.offset += audio.count
      sentence.chunk += 1
      if isEnd {
        if let duration_ms = synthesis.duration_ms { note(duration_ms, of: sentence) }
        passOn(sentence.chunk, after: sentence)
      } else {
        waiting.prepend(sentence)
      }
      return .on
    case .failed:
      // The speech of the piece ends here. Its text is not affected.
      add([], of: sentence, endsSentence: true, endsPiece: true)
      note(nil, of: sentence)
      var unneeded: [SpeechSynthesis] = []
      while let next = waiting.first, next.sequence == sentence.sequence {
        note(nil, of: next)
        if let synthesis = waiting.removeFirst().synthesis { unneeded.append(synthesis) }
      }
      let needed = Set(waiting.compactMap(\.synthesis).map { ObjectIdentifier($0) })
      return .failed(unneeded.filter { !needed.contains(ObjectIdentifier($0)) })
    }
  }

  /// Chunks are counted within the piece.
  private mutating func passOn(_ chunk: Int, after sentence: Sentence) {
    guard waiting.first?.sequence == sentence.sequence else { return }
    waiting[0].chunk = chunk
  }

  private mutating func add(_ audio: [UInt8], of sentence: Sentence, endsSentence: Bool, endsPiece: Bool) {
    let chunk = SpeechChunk(
      message: sentence.message, piece: sentence.piece, index: sentence.chunk, audio: audio, isLast: endsPiece,
      cancelEpoch: epoch, sentence: sentence.index, endsSentence: endsSentence)
    ready.append(Ready(sequence: sentence.sequence, chunk: chunk))
    ready_bytes += audio.count
  }

  /// - Parameter duration_ms: nil: its speech failed.
  private mutating func note(_ duration_ms: Int64?, of sentence: Sentence) {
    guard let reply = replies.lastIndex(where: { $0.message == sentence.message }) else { return }
    replies[reply].pieces[sentence.piece]?[sentence.index].duration_ms = duration_ms
    replies[reply].pieces[sentence.piece]?[sentence.index].isUnspoken = duration_ms == nil
  }
}
