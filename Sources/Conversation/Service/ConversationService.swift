package import Logging

/// The application: what the RPCs do, without the RPCs. Every method checks its arguments and throws
/// `ConversationError`; calls come from any thread.
package struct ConversationService: Sendable {
  let store: any Store
  let hub: ConversationHub
  let turns: TurnEngine
  let settings: ConversationSettings
  let clock: any WallClock
  let identifiers: any IdentifierSource
  /// `nil`: no engine reads replies aloud.
  let speech: SpeechEngine?
  let logger: Logger

  package init(
    store: any Store, hub: ConversationHub, turns: TurnEngine, settings: ConversationSettings, clock: any WallClock,
    identifiers: any IdentifierSource, speech: SpeechEngine? = nil, logger: Logger
  ) {
    self.store = store
    self.hub = hub
    self.turns = turns
    self.settings = settings
    self.clock = clock
    self.identifiers = identifiers
    self.speech = speech
    self.logger = logger
  }

  /// The user, who must exist: `.userUnknown`.
  package func requireUser(_ user: UserID) async throws -> UserRecord {
    guard let record = try await store.user(user) else { throw ConversationError.userUnknown }
    return record
  }

  package func endConversation(
    _ user: UserID, conversation: String, request: String
  ) async throws -> (sequence: Int64, duplicate: Bool) {
    let conversation = try FieldRules.conversationID(conversation)
    let request = try FieldRules.requestID(request)
    var digest = RequestDigest()
    digest.add(conversation.rawValue)
    let outcome = try await store.endConversation(
      EndCommand(
        user: user, conversation: conversation, request: request, digest: digest.bytes, now: clock.now()))
    hub.publish(conversation, outcome.events)
    return (outcome.sequence, outcome.duplicate)
  }

  package func deleteConversation(_ user: UserID, conversation: String, request: String) async throws {
    let conversation = try FieldRules.conversationID(conversation)
    _ = try FieldRules.requestID(request)
    try await store.deleteConversation(user: user, conversation: conversation, now: clock.now())
    hub.remove(conversation)
  }

  /// Runs a failed turn again; any other turn is left alone.
  package func retryTurn(
    _ user: UserID, conversation: String, turn: String, request: String
  ) async throws -> (state: TurnState, attempt: Int) {
    let conversation = try FieldRules.conversationID(conversation)
    let turn = try FieldRules.turnID(turn)
    _ = try FieldRules.requestID(request)
    try turns.admit()
    let outcome = try await store.retryTurn(
      RetryTurnCommand(
        user: user, conversation: conversation, turn: turn, lease: turns.leaseRequest, now: clock.now()))
    hub.publish(conversation, outcome.events)
    if let leased = outcome.leased { turns.start(leased) }
    return (outcome.state, outcome.attempt)
  }

  package func acknowledge(
    _ user: UserID, conversation: String, device: String, sequence: Int64
  ) async throws -> Int64 {
    let conversation = try FieldRules.conversationID(conversation)
    let device = try FieldRules.deviceID(device, required: true)
    guard sequence >= 0 else {
      throw ConversationError.fieldInvalid(field: "sequence", description: "must not be negative")
    }
    return try await store.acknowledge(
      user: user, conversation: conversation, device: device, sequence: sequence, now: clock.now())
  }

  package func conversation(_ user: UserID, conversation: String) async throws -> ConversationRecord {
    try await store.conversation(user: user, conversation: try FieldRules.conversationID(conversation))
  }

  package func conversations(
    _ user: UserID, pageSize: Int32, pageToken: String
  ) async throws -> Page<ConversationRecord> {
    let limit = try FieldRules.pageSize(
      pageSize, default: Limits.conversationsPageDefault, maximum: Limits.conversationsPageMaximum)
    let method = "ListConversations"
    var before: ConversationCursor?
    if let parts = try PageToken.cursor(of: pageToken, method: method, owner: user.rawValue, fields: 2) {
      guard let time = Int64(parts[0]), Timestamp.storable.contains(time) else {
        throw ConversationError.fieldInvalid(field: "page_token", description: "is damaged")
      }
      before = ConversationCursor(
        lastMessageTime: Timestamp(microseconds: time),
        conversation: try FieldRules.conversationID(parts[1], field: "page_token"))
    }
    let found = try await store.conversations(user: user, before: before, limit: limit + 1)
    let items = Array(found.prefix(limit))
    guard found.count > limit, let last = items.last else { return Page(items: items, nextToken: "") }
    let time = last.lastMessageTime ?? last.createTime
    let next = PageToken(
      method: method, owner: user.rawValue, cursor: [String(time.microseconds), last.id.rawValue])
    return Page(items: items, nextToken: next.text)
  }

  package func messages(
    _ user: UserID, conversation: String, pageSize: Int32, pageToken: String
  ) async throws -> Page<MessageRecord> {
    let conversation = try FieldRules.conversationID(conversation)
    let limit = try FieldRules.pageSize(
      pageSize, default: Limits.messagesPageDefault, maximum: Limits.messagesPageMaximum)
    let method = "ListMessages"
    let owner = user.rawValue + "/" + conversation.rawValue
    let cursor = try PageToken.cursor(of: pageToken, method: method, owner: owner, fields: 1)
    guard let after = Int64(cursor?[0] ?? "0"), after >= 0 else {
      throw ConversationError.fieldInvalid(field: "page_token", description: "is damaged")
    }
    let found = try await store.messages(user: user, conversation: conversation, after: after, limit: limit + 1)
    let items = Array(found.prefix(limit))
    guard found.count > limit, let last = items.last else { return Page(items: items, nextToken: "") }
    return Page(
      items: items, nextToken: PageToken(method: method, owner: owner, cursor: [String(last.sequence)]).text)
  }
}
