package import Interview

/// Who leases a turn that a command may start, for how long, and under which new ids.
package struct LeaseRequest: Sendable {
  package var server: ServerID
  package var duration_ms: Int64

  package init(server: ServerID, duration_ms: Int64) {
    self.server = server
    self.duration_ms = duration_ms
  }
}

package struct ConnectCommand: Sendable {
  package var user: UserID
  package var conversation: ConversationID
  /// Creates the conversation when it is unknown, and aligns its stage.
  package var interactive: Bool
  package var now: Timestamp
  package var replay: Replay
  /// "": none. Needed by `.fromAcknowledged`.
  package var device: String
  /// At most this many events come with the answer; the rest is read with `events`.
  package var replayLimit: Int
  package var untilTurn: TurnID?

  package enum Replay: Sendable, Equatable {
    case none
    case after(sequence: Int64, epoch: String)
    case fromAcknowledged(epoch: String)
  }

  package init(
    user: UserID, conversation: ConversationID, interactive: Bool, now: Timestamp, replay: Replay, device: String,
    replayLimit: Int, untilTurn: TurnID?
  ) {
    self.user = user
    self.conversation = conversation
    self.interactive = interactive
    self.now = now
    self.replay = replay
    self.device = device
    self.replayLimit = replayLimit
    self.untilTurn = untilTurn
  }
}

package struct ConnectOutcome: Sendable {
  package var created: Bool
  package var head: Int64
  package var epoch: String
  package var quota: QuotaSnapshot
  /// False: another epoch, or a position beyond the head. True without a replay.
  package var recovered: Bool
  /// Where the replay begins (exclusive); `nil`: no replay.
  package var replayAfter: Int64?
  /// The first events of the replay, in order.
  package var replay: [DurableEvent]
  package var messageCount: Int64
  /// With its last message's time: what a greeting is decided by.
  package var context: TurnContext
  /// An open greeting turn of another connect.
  package var openGreeting: (turn: TurnID, kind: TurnKind)?
  /// True while any turn is queued or running.
  package var hasOpenTurn: Bool
  package var lastChipIDs: [String]
  /// The turn asked for by `untilTurn`; `nil`: unknown or not asked.
  package var untilTurn: TurnRecord?

  package init(
    created: Bool, head: Int64, epoch: String, quota: QuotaSnapshot, recovered: Bool, replayAfter: Int64?,
    replay: [DurableEvent], messageCount: Int64, context: TurnContext, openGreeting: (turn: TurnID, kind: TurnKind)?,
    hasOpenTurn: Bool, lastChipIDs: [String], untilTurn: TurnRecord?
  ) {
    self.created = created
    self.head = head
    self.epoch = epoch
    self.quota = quota
    self.recovered = recovered
    self.replayAfter = replayAfter
    self.replay = replay
    self.messageCount = messageCount
    self.context = context
    self.openGreeting = openGreeting
    self.hasOpenTurn = hasOpenTurn
    self.lastChipIDs = lastChipIDs
    self.untilTurn = untilTurn
  }
}

package struct GreetingCommand: Sendable {
  package var user: UserID
  package var conversation: ConversationID
  package var kind: TurnKind
  package var turn: TurnID
  /// What the decision was based on; another count now means that somebody spoke since: no greeting.
  package var expectedMessageCount: Int64
  package var lease: LeaseRequest
  package var now: Timestamp

  package init(
    user: UserID, conversation: ConversationID, kind: TurnKind, turn: TurnID, expectedMessageCount: Int64,
    lease: LeaseRequest, now: Timestamp
  ) {
    self.user = user
    self.conversation = conversation
    self.kind = kind
    self.turn = turn
    self.expectedMessageCount = expectedMessageCount
    self.lease = lease
    self.now = now
  }
}

package enum GreetingOutcome: Sendable {
  /// This call enqueued it; the events are what it appended.
  case leased(LeasedTurn, events: [DurableEvent])
  /// Another connect's greeting is open.
  case open(turn: TurnID, kind: TurnKind)
  /// Somebody spoke, or a turn is open.
  case notDue
  /// The user has had the day's greetings (`Limits.greetings`).
  case used
}

package struct SendTextCommand: Sendable {
  package var user: UserID
  package var conversation: ConversationID
  package var text: String
  /// `nil`: not idempotent.
  package var request: RequestID?
  /// SHA-256 or another 32-byte digest over everything that makes the payload (see `RequestDigest`).
  package var digest: [UInt8]
  /// As the client sent it; without one, the store compares the text with the conversation's last chips.
  package var chipID: String?
  package var clientTime: Timestamp?
  package var message: MessageID
  package var turn: TurnID
  package var lease: LeaseRequest
  package var now: Timestamp

  package init(
    user: UserID, conversation: ConversationID, text: String, request: RequestID?, digest: [UInt8], chipID: String?,
    clientTime: Timestamp?, message: MessageID, turn: TurnID, lease: LeaseRequest, now: Timestamp
  ) {
    self.user = user
    self.conversation = conversation
    self.text = text
    self.request = request
    self.digest = digest
    self.chipID = chipID
    self.clientTime = clientTime
    self.message = message
    self.turn = turn
    self.lease = lease
    self.now = now
  }
}

package struct SendTextOutcome: Sendable {
  package var duplicate: Bool
  package var message: MessageID
  package var turn: TurnID
  package var sequence: Int64
  package var epoch: String
  package var turnState: TurnState
  package var quota: QuotaSnapshot
  /// Set when this call's turn runs on this server from now on.
  package var leased: LeasedTurn?
  /// What the call appended; empty for a duplicate.
  package var events: [DurableEvent]

  package init(
    duplicate: Bool, message: MessageID, turn: TurnID, sequence: Int64, epoch: String, turnState: TurnState,
    quota: QuotaSnapshot, leased: LeasedTurn?, events: [DurableEvent]
  ) {
    self.duplicate = duplicate
    self.message = message
    self.turn = turn
    self.sequence = sequence
    self.epoch = epoch
    self.turnState = turnState
    self.quota = quota
    self.leased = leased
    self.events = events
  }
}

/// A whole reply, to be committed at once or not at all.
package struct TurnCompletion: Sendable {
  package var user: UserID
  package var conversation: ConversationID
  package var lease: TurnLease
  package var message: MessageID
  package var pieces: [String]
  /// When the chat model's first words were there.
  package var firstPieceTime: Timestamp?
  /// The interview state after the reply, based on `interviewVersion`.
  package var interviewState: String
  package var interviewStage: String
  package var interviewVersion: Int64
  /// The next user message answers a question for the profile: no memoir material.
  package var awaitsProfileAnswer: Bool
  /// New values of the fields in `profileChanges`.
  package var profile: Profile
  package var profileChanges: Set<ProfileField>
  /// The conversation's stage from now on.
  package var stage: String
  package var chips: [Chip]
  /// For the conversation's next open turn, which is leased in the same transaction.
  package var nextLease: LeaseRequest
  package var now: Timestamp

  package init(
    user: UserID, conversation: ConversationID, lease: TurnLease, message: MessageID, pieces: [String],
    firstPieceTime: Timestamp? = nil, interviewState: String, interviewStage: String, interviewVersion: Int64,
    awaitsProfileAnswer: Bool,
    profile: Profile, profileChanges: Set<ProfileField>, stage: String, chips: [Chip], nextLease: LeaseRequest,
    now: Timestamp
  ) {
    self.user = user
    self.conversation = conversation
    self.lease = lease
    self.message = message
    self.pieces = pieces
    self.firstPieceTime = firstPieceTime
    self.interviewState = interviewState
    self.interviewStage = interviewStage
    self.interviewVersion = interviewVersion
    self.awaitsProfileAnswer = awaitsProfileAnswer
    self.profile = profile
    self.profileChanges = profileChanges
    self.stage = stage
    self.chips = chips
    self.nextLease = nextLease
    self.now = now
  }
}

package struct TurnFailure: Sendable {
  package var user: UserID
  package var conversation: ConversationID
  package var lease: TurnLease
  package var reason: TurnFailureReason
  package var retryable: Bool
  package var nextLease: LeaseRequest
  package var now: Timestamp

  package init(
    user: UserID, conversation: ConversationID, lease: TurnLease, reason: TurnFailureReason, retryable: Bool,
    nextLease: LeaseRequest, now: Timestamp
  ) {
    self.user = user
    self.conversation = conversation
    self.lease = lease
    self.reason = reason
    self.retryable = retryable
    self.nextLease = nextLease
    self.now = now
  }
}

package enum TurnEndOutcome: Sendable {
  /// Done. The events are what was appended (the next turn's TurnStarted too, when one was leased).
  case ended(events: [DurableEvent], epoch: String, next: LeasedTurn?)
  /// The lease is no longer the caller's, or the turn has ended, or the conversation is gone: throw the result away.
  case fenced
  /// Another conversation of the user changed the interview state: plan again on this context.
  case stateChanged(TurnContext)
}

package struct RetryTurnCommand: Sendable {
  package var user: UserID
  package var conversation: ConversationID
  package var turn: TurnID
  package var lease: LeaseRequest
  package var now: Timestamp

  package init(user: UserID, conversation: ConversationID, turn: TurnID, lease: LeaseRequest, now: Timestamp) {
    self.user = user
    self.conversation = conversation
    self.turn = turn
    self.lease = lease
    self.now = now
  }
}

package struct RetryTurnOutcome: Sendable {
  package var state: TurnState
  package var attempt: Int
  package var epoch: String
  package var leased: LeasedTurn?
  package var events: [DurableEvent]

  package init(state: TurnState, attempt: Int, epoch: String, leased: LeasedTurn?, events: [DurableEvent]) {
    self.state = state
    self.attempt = attempt
    self.epoch = epoch
    self.leased = leased
    self.events = events
  }
}

package struct EndCommand: Sendable {
  package var user: UserID
  package var conversation: ConversationID
  package var request: RequestID?
  package var digest: [UInt8]
  package var now: Timestamp

  package init(user: UserID, conversation: ConversationID, request: RequestID?, digest: [UInt8], now: Timestamp) {
    self.user = user
    self.conversation = conversation
    self.request = request
    self.digest = digest
    self.now = now
  }
}

package struct EndOutcome: Sendable {
  /// Of the ConversationEnded event.
  package var sequence: Int64
  package var duplicate: Bool
  package var epoch: String
  package var events: [DurableEvent]

  package init(sequence: Int64, duplicate: Bool, epoch: String, events: [DurableEvent]) {
    self.sequence = sequence
    self.duplicate = duplicate
    self.epoch = epoch
    self.events = events
  }
}

package struct ClaimedTurn: Sendable {
  package var turn: LeasedTurn
  package var epoch: String
  package var events: [DurableEvent]

  package init(turn: LeasedTurn, epoch: String, events: [DurableEvent]) {
    self.turn = turn
    self.epoch = epoch
    self.events = events
  }
}

package struct CancelSpeechCommand: Sendable {
  package var user: UserID
  package var conversation: ConversationID
  /// Its reply and all before it; `nil`: everything so far.
  package var turn: TurnID?
  package var heard: Heard?
  package var request: RequestID?
  package var digest: [UInt8]
  package var now: Timestamp

  /// What was heard of one reply.
  package struct Heard: Sendable {
    /// The sequence of the reply's first piece.
    package var reply: Int64
    package var text: String

    package init(reply: Int64, text: String) {
      self.reply = reply
      self.text = text
    }
  }

  package init(
    user: UserID, conversation: ConversationID, turn: TurnID?, heard: Heard?, request: RequestID?, digest: [UInt8],
    now: Timestamp
  ) {
    self.user = user
    self.conversation = conversation
    self.turn = turn
    self.heard = heard
    self.request = request
    self.digest = digest
    self.now = now
  }
}

package struct CancelSpeechOutcome: Sendable {
  package var epoch: Int64
  /// Replies up to this sequence are silent.
  package var through: Int64
  /// The request was seen before, or there was nothing to cancel.
  package var duplicate: Bool
  package var events: [DurableEvent]

  package init(epoch: Int64, through: Int64, duplicate: Bool, events: [DurableEvent]) {
    self.epoch = epoch
    self.through = through
    self.duplicate = duplicate
    self.events = events
  }
}
