package import Conversation
import Interview
import PostgreSQL

extension ConversationStore: Store {
  package func conversation(user: UserID, conversation: ConversationID) async throws -> ConversationRecord {
    let record = try await run(
      Statements.conversation, [.text(user.rawValue), .text(conversation.rawValue)], kind: .read, mayRepeat: true
    ) { result in
      try result.first.map(ConversationRecord.init)
    }
    if let record { return record }
    try await requireReadable(user, conversation)
    // Created between the two looks.
    throw ConversationError.conversationUnknown
  }

  package func conversations(
    user: UserID, before: ConversationCursor?, limit: Int
  ) async throws -> [ConversationRecord] {
    let page = try await run(
      Statements.conversations,
      [
        .text(user.rawValue), .optional(before?.lastMessageTime.microseconds, PostgreSQLValue.timestamp),
        .text(before?.conversation.rawValue ?? ""), .int64(Int64(limit)),
      ], kind: .read, mayRepeat: true
    ) { result in
      try result.map(ConversationRecord.init)
    }
    if page.isEmpty, try await self.user(user) == nil { throw ConversationError.userUnknown }
    return page
  }

  package func messages(
    user: UserID, conversation: ConversationID, after: Int64, limit: Int
  ) async throws -> [MessageRecord] {
    let page = try await run(
      Statements.messages,
      [.text(user.rawValue), .text(conversation.rawValue), .int64(after), .int64(Int64(limit))], kind: .read,
      mayRepeat: true
    ) { result in
      try result.map { row in
        MessageRecord(
          id: MessageID(try row.string(0)), sequence: try row.int64(1), role: try stored(row.string(2)),
          source: try stored(row.string(3)), pieces: try row.stringArray(4),
          turn: try row.optionalString(5).map { TurnID($0) },
          createTime: Timestamp(microseconds: try row.timestamp_us(6)), chipID: try row.optionalString(7),
          heardText: try row.optionalString(8),
          voiceSession: try row.optionalString(9).map { VoiceSessionID($0) })
      }
    }
    if page.isEmpty { try await requireReadable(user, conversation) }
    return page
  }

  package func events(
    user: UserID, conversation: ConversationID, after: Int64, through: Int64, limit: Int
  ) async throws -> [DurableEvent] {
    let page = try await run(
      Statements.events,
      [
        .text(user.rawValue), .text(conversation.rawValue), .int64(after), .int64(through), .int64(Int64(limit)),
      ], kind: .read, mayRepeat: true
    ) { result in
      try result.map { row in
        try DurableEvent(
          sequence: try row.int64(0), kind: try row.int16(1), turn: try row.string(2), request: try row.string(3),
          payload: try row.string(4), time_us: try row.timestamp_us(5))
      }
    }
    if page.isEmpty { try await requireReadable(user, conversation) }
    return page
  }

  package func turn(user: UserID, conversation: ConversationID, turn: TurnID) async throws -> TurnRecord? {
    let record = try await run(
      Statements.turn, [.text(user.rawValue), .text(conversation.rawValue), .text(turn.rawValue)], kind: .read,
      mayRepeat: true
    ) { result in
      try result.first.map { row in try TurnRecord(row, first: 0) }
    }
    if record == nil { try await requireReadable(user, conversation) }
    return record
  }

  package func heads(
    of conversations: [(user: UserID, conversation: ConversationID)]
  ) async throws -> [Int64?] {
    if conversations.isEmpty { return [] }
    return try await run(
      Statements.heads,
      [
        .textArray(conversations.map(\.user.rawValue)), .textArray(conversations.map(\.conversation.rawValue)),
      ], kind: .read, mayRepeat: true
    ) { result in
      var heads = [Int64?](repeating: nil, count: conversations.count)
      for row in result { heads[try row.int(0) - 1] = try row.int64(1) }
      return heads
    }
  }

  /// Tells an empty answer from a conversation that is not there, or not the user's.
  private func requireReadable(_ user: UserID, _ conversation: ConversationID) async throws {
    try await run(
      Statements.conversationStatus, [.text(user.rawValue), .text(conversation.rawValue)], kind: .read,
      mayRepeat: true
    ) { result in
      _ = try result.accepted()
    }
  }
}

extension ConversationRecord {
  fileprivate init(_ row: PostgreSQLRow) throws {
    self.init(
      id: ConversationID(try row.string(0)), status: try stored(row.string(1)), stage: try row.string(2),
      headSequence: try row.int64(3), logEpoch: try row.string(4),
      createTime: Timestamp(microseconds: try row.timestamp_us(5)),
      lastMessageTime: try row.optionalTimestamp_us(6).map(Timestamp.init(microseconds:)),
      endTime: try row.optionalTimestamp_us(7).map(Timestamp.init(microseconds:)), messageCount: try row.int64(8))
  }
}
