package import Interview

/// The event log and everything derived from it (design §6). Each method is one transaction and one round trip; an
/// answer means that what it says is durable.
///
/// Every method throws `ConversationError`: the refusals named there, `.storeUnavailable` when the database cannot be
/// reached or is in trouble, `.storeRefused` when it takes a value at no time, `.overloaded` when the queue for it is full.
package protocol Store: Sendable {
  // Users
  /// Waits for the end of the erasure of a user of that name.
  func upsertUser(_ change: UserChange, now: Timestamp) async throws -> (user: UserRecord, created: Bool)
  func user(_ id: UserID) async throws -> UserRecord?
  /// From now on the user is unknown, and nothing of them is read or stored; the conversation ids stay taken. What there
  /// is of them is left to `erase`. `false`: there is no such user, and nothing is left of one.
  func deleteUser(_ id: UserID) async throws -> Bool
  /// Erases what is left of a deleted user, in bounded steps, as long as that takes. Any server goes on with what another
  /// has begun (`erasures`).
  func erase(_ id: UserID) async throws

  // Commands
  func connect(_ command: ConnectCommand) async throws -> ConnectOutcome
  /// Enqueues and leases a greeting, exactly once: only while no other turn is open and no message came since.
  func enqueueGreeting(_ command: GreetingCommand) async throws -> GreetingOutcome
  func sendText(_ command: SendTextCommand) async throws -> SendTextOutcome
  func completeTurn(_ completion: TurnCompletion) async throws -> TurnEndOutcome
  func failTurn(_ failure: TurnFailure) async throws -> TurnEndOutcome
  /// Makes a failed turn queued again, and leases it when no other turn of the conversation is open.
  func retryTurn(_ command: RetryTurnCommand) async throws -> RetryTurnOutcome
  /// Appends ConversationEnded unless the conversation has ended already; flushes its outbox rows.
  func endConversation(_ command: EndCommand) async throws -> EndOutcome
  /// Silences replies for good: raises the conversation's cancel epoch, stores what was heard, appends SpeechFinished.
  func cancelSpeech(_ command: CancelSpeechCommand) async throws -> CancelSpeechOutcome
  /// Soft; idempotent.
  func deleteConversation(user: UserID, conversation: ConversationID, now: Timestamp) async throws
  /// Stores max(stored, sequence), at most the head; returns what is stored.
  func acknowledge(
    user: UserID, conversation: ConversationID, device: String, sequence: Int64, now: Timestamp
  ) async throws -> Int64
  /// Remembers the chips last shown, so that a tap sent as text is known as one. Cleared by the next user message.
  func setChips(user: UserID, conversation: ConversationID, chips: [Chip]) async throws

  // Reads
  func conversation(user: UserID, conversation: ConversationID) async throws -> ConversationRecord
  /// Latest message first, ties by id. `before`: the cursor of the page before.
  func conversations(user: UserID, before: ConversationCursor?, limit: Int) async throws -> [ConversationRecord]
  /// Oldest first, with a sequence greater than `after`.
  func messages(
    user: UserID, conversation: ConversationID, after: Int64, limit: Int
  ) async throws -> [MessageRecord]
  /// In order, with a sequence greater than `after`, at most `through`.
  func events(
    user: UserID, conversation: ConversationID, after: Int64, through: Int64, limit: Int
  ) async throws -> [DurableEvent]
  func turn(user: UserID, conversation: ConversationID, turn: TurnID) async throws -> TurnRecord?
  /// The newest reply or greeting, or that of a turn: what a cancel may be about.
  func reply(
    user: UserID, conversation: ConversationID, turn: TurnID?
  ) async throws -> (turn: TurnID?, sequence: Int64, pieces: [String])?
  /// How often speech of the conversation was cancelled; 0 for an unknown one.
  func cancelEpoch(user: UserID, conversation: ConversationID) async throws -> Int64

  // Leases
  /// Prolongs; returns those that are still the server's. Not fsynced: a lost renewal only ends a lease early.
  func renewLeases(server: ServerID, leases: [TurnLease], duration_ms: Int64) async throws -> Set<TurnLease>
  /// Takes over open turns whose lease has ended, or queued ones that nobody runs; every open turn of other servers
  /// when `alone` (design §7, Recovery). Each gets a new lease number, attempt + 1 and a TurnStarted event.
  func claimTurns(
    server: ServerID, alone: Bool, duration_ms: Int64, limit: Int, now: Timestamp
  ) async throws -> [ClaimedTurn]

  // Maintenance
  /// What all servers go by; taken between the question and the answer.
  func time() async throws -> Timestamp
  /// Deleted users of whom something is left, longest first.
  func erasures(limit: Int) async throws -> [UserID]
  /// Forgets idempotency records older than 30 days, in bounded steps.
  func pruneRequests(now: Timestamp) async throws
  /// Deletes audio whose time is over, in bounded steps, and forgets listening feedback.
  func pruneAudio(now: Timestamp) async throws

  /// Head sequences of live conversations, for servers that get no hints. Deleted or erased ones are reported as `nil`.
  func heads(of conversations: [(user: UserID, conversation: ConversationID)]) async throws -> [Int64?]
}

/// Where ListConversations goes on.
package struct ConversationCursor: Sendable, Equatable {
  /// Of the last message, or the creation when there is none.
  package var lastMessageTime: Timestamp
  package var conversation: ConversationID

  package init(lastMessageTime: Timestamp, conversation: ConversationID) {
    self.lastMessageTime = lastMessageTime
    self.conversation = conversation
  }
}
