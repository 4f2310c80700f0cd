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

  package init(message: MessageID, piece: Int, index: Int, audio: [UInt8], isLast: Bool, cancelEpoch: Int64) {
    self.message = message
    self.piece = piece
    self.index = index
    self.audio = audio
    self.isLast = isLast
    self.cancelEpoch = cancelEpoch
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
