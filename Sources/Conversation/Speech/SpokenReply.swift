/// A reply as it is read aloud: what `heard` of a CancelSpeech is measured against.
package struct SpokenReply: Sendable, Equatable {
  package var turn: TurnID?
  /// Of the reply's first piece.
  package var sequence: Int64
  /// In order; each piece as its sentences, which joined are its text. One without sentences is not known here: the
  /// stream began after it.
  package var pieces: [[Sentence]]

  package struct Sentence: Sendable, Equatable {
    package var text: String
    /// As synthesised; `nil`: not known here, about as long as people take.
    package var duration_ms: Int64?
    /// Its synthesis failed, and with it ended the speech of its piece: nobody heard it.
    package var isUnspoken = false

    package init(text: String, duration_ms: Int64?) {
      self.text = text
      self.duration_ms = duration_ms
    }
  }

  package init(turn: TurnID?, sequence: Int64, pieces: [[Sentence]]) {
    self.turn = turn
    self.sequence = sequence
    self.pieces = pieces
  }

  /// A reply that another server read aloud.
  package init(turn: TurnID?, sequence: Int64, texts: [String]) {
    self.init(
      turn: turn, sequence: sequence,
      pieces: texts.map { SentenceSplitter.sentences(in: $0).map { Sentence(text: $0, duration_ms: nil) } })
  }

  var missingPieces: Int { pieces.count { $0.isEmpty } }

  /// With the missing pieces as `whole` has them.
  func completed(by whole: SpokenReply) -> SpokenReply {
    var completed = self
    for (index, piece) in whole.pieces.enumerated().prefix(pieces.count) where pieces[index].isEmpty {
      completed.pieces[index] = piece
    }
    return completed
  }

  /// What of it was heard when `heard_ms` of its audio had been played from the piece `first` on, pauses between the pieces
  /// not counted. The pieces before count as heard.
  ///
  /// Whole sentences as far as they were played; of the sentence that was interrupted, whole clauses: within it, the
  /// position is proportional. A sentence or clause counts when no more than `Limits.heardTolerance_ms` of it is
  /// missing. Pieces are joined by a line feed, as in the whole text.
  package func heardText(after heard_ms: Int64, from first: Int = 0) -> String {
    var left_ms = heard_ms + Limits.heardTolerance_ms
    var heard: [String] = []
    for (index, piece) in pieces.enumerated() {
      var text = ""
      var isInterrupted = false
      for sentence in piece where !sentence.isUnspoken {
        let duration_ms = index < first ? 0 : sentence.duration_ms ?? SpeakingRate.duration_ms(of: sentence.text)
        guard duration_ms > left_ms else {
          text += sentence.text
          left_ms -= duration_ms
          continue
        }
        text += Self.clauses(of: sentence.text, lasting: duration_ms, heard_ms: left_ms)
        isInterrupted = true
        break
      }
      if !text.isEmpty { heard.append(text) }
      if isInterrupted { break }
    }
    var text = heard.joined(separator: "\n")
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }

  private static func clauses(of text: String, lasting duration_ms: Int64, heard_ms: Int64) -> String {
    let whole_ms = max(1, SpeakingRate.duration_ms(of: text))
    var heardEnd = text.startIndex
    var position_ms: Int64 = 0
    var wasMark = false
    for index in text.indices {
      let character = text[index]
      let isMark =
        SentenceMarks.isPause(character) || SentenceMarks.isTerminator(character) || SentenceMarks.isClosing(character)
      // A clause ends where its marks end.
      if wasMark, !isMark {
        guard position_ms * duration_ms / whole_ms <= heard_ms else { return String(text[..<heardEnd]) }
        heardEnd = index
      }
      position_ms += SpeakingRate.duration_ms(of: character)
      wasMark = isMark
    }
    return String(text[..<heardEnd])
  }
}
