package import Interview

/// What a turn is; the raw value is stored.
package enum TurnKind: String, Sendable, Codable {
  case reply
  case opening
  case profileGreeting = "profile_greeting"
  case reGreeting = "re_greeting"

  /// The interviewer speaks first.
  package var isGreeting: Bool { self != .reply }
}

/// Where a turn is; the raw value is stored. `queued` waits for the turns before it or for a server.
package enum TurnState: String, Sendable, Codable {
  case queued, running, completed, failed
}

/// A server's right to finish a turn. A result under an older number is refused (design §7, Recovery).
package struct TurnLease: Sendable, Hashable {
  package let turn: TurnID
  /// Grows with every taking-over of the turn.
  package let number: Int64

  package init(turn: TurnID, number: Int64) {
    self.turn = turn
    self.number = number
  }
}

/// A turn that this server has leased, with all that a reply needs: no further read until it is completed.
package struct LeasedTurn: Sendable {
  package var lease: TurnLease
  package var user: UserID
  package var conversation: ConversationID
  package var kind: TurnKind
  /// Counts from 1.
  package var attempt: Int
  /// The command that caused it, if it came with an id.
  package var request: RequestID?
  /// The message to answer; `nil` for greetings.
  package var message: IncomingMessage?
  package var context: TurnContext

  package init(
    lease: TurnLease, user: UserID, conversation: ConversationID, kind: TurnKind, attempt: Int, request: RequestID?,
    message: IncomingMessage?, context: TurnContext
  ) {
    self.lease = lease
    self.user = user
    self.conversation = conversation
    self.kind = kind
    self.attempt = attempt
    self.request = request
    self.message = message
    self.context = context
  }
}

/// The user's message that a turn answers.
package struct IncomingMessage: Sendable, Equatable {
  package var id: MessageID
  package var text: String
  package var chipID: String?

  package init(id: MessageID, text: String, chipID: String?) {
    self.id = id
    self.text = text
    self.chipID = chipID
  }
}

/// What a turn depends on, read in the transaction that leased it.
package struct TurnContext: Sendable {
  package var profile: Profile
  /// IANA name of the user's time zone.
  package var timeZone: String
  /// The stored interview state (JSON), "" for a new user.
  package var interviewState: String
  /// Guards the state: a completion based on an older version is answered with `.stateChanged`.
  package var interviewVersion: Int64
  /// The conversation's stage; "" before the first.
  package var stage: String
  /// The messages before the one to answer, oldest first, at most `Limits.contextMessages`.
  package var history: [DialogueMessage]
  /// The message of either side before the one to answer; `nil`: none.
  package var lastMessageTime: Timestamp?
  /// Turns of this conversation so far: the seed of the interviewer's variety.
  package var turnOrdinal: Int

  package init(
    profile: Profile, timeZone: String, interviewState: String, interviewVersion: Int64, stage: String,
    history: [DialogueMessage], lastMessageTime: Timestamp?, turnOrdinal: Int
  ) {
    self.profile = profile
    self.timeZone = timeZone
    self.interviewState = interviewState
    self.interviewVersion = interviewVersion
    self.stage = stage
    self.history = history
    self.lastMessageTime = lastMessageTime
    self.turnOrdinal = turnOrdinal
  }
}
