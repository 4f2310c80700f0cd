package import Interview

/// What a Connect stream delivers: the log's events and the moments around it.
package indirect enum LiveEvent: Sendable, Equatable {
  case durable(DurableEvent)
  case connected(Connected)
  case replayCompleted(head: Int64)
  case heartbeat(head: Int64)
  case goAway(reason: GoAwayReason, reconnectDelay_ms: Int64)
  case suggestions(Suggestions)
  case listeningFeedback(session: VoiceSessionID, text: String)
  case speechChunk(SpeechChunk)
}

package struct Connected: Sendable, Equatable {
  package var head: Int64
  package var recovered: Bool
  package var heartbeatInterval_ms: Int64
  package var quota: QuotaSnapshot
  package var created: Bool
}

/// “I am listening”, while somebody speaks for long. Never stored.
package struct ListeningFeedback: Sendable, Hashable {
  package var conversation: ConversationID
  package var session: VoiceSessionID
  package var text: String

  package init(conversation: ConversationID, session: VoiceSessionID, text: String) {
    self.conversation = conversation
    self.session = session
    self.text = text
  }
}

/// A part of a reply that is read aloud, to the subscriber that asked for speech.
package struct SpeechChunk: Sendable, Equatable {
  package var message: MessageID
  package var piece: Int
  /// From 0 within the piece.
  package var index: Int
  package var audio: [UInt8]
  /// The piece's last one.
  package var isLast: Bool
  package var cancelEpoch: Int64
  /// Of the piece, from 0: the audio of one sentence is one whole file.
  package var sentence: Int
  package var endsSentence: Bool

  package init(
    message: MessageID, piece: Int, index: Int, audio: [UInt8], isLast: Bool, cancelEpoch: Int64, sentence: Int,
    endsSentence: Bool
  ) {
    self.message = message
    self.piece = piece
    self.index = index
    self.audio = audio
    self.isLast = isLast
    self.cancelEpoch = cancelEpoch
    self.sentence = sentence
    self.endsSentence = endsSentence
  }
}

package struct Suggestions: Sendable, Equatable {
  package enum Reason: Sendable { case opening, reGreeting, resume, turn }
  package var reason: Reason
  package var stage: String
  package var chips: [Chip]
}

package enum GoAwayReason: String, Sendable {
  case draining = "DRAINING"
  case slowConsumer = "SLOW_CONSUMER"
}

/// Why a subscription ends from the server's side.
package enum SubscriptionEnd: Sendable, Equatable {
  case slowConsumer
  case draining
  case conversationDeleted
  case userErased
  case tokenExpired
}
