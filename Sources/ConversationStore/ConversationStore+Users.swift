package import Conversation
import Interview
import PostgreSQL

extension ConversationStore {
  package func upsertUser(_ change: UserChange, now: Timestamp) async throws -> (user: UserRecord, created: Bool) {
    let parameters: [PostgreSQLValue] = [
      .text(change.id.rawValue), .optional(change.nickname, PostgreSQLValue.text),
      .optional(change.birthYear.map(Int64.init), PostgreSQLValue.int64),
      .optional(change.birthPlace, PostgreSQLValue.text), .optional(change.grewUpPlace, PostgreSQLValue.text),
      .optional(change.occupation, PostgreSQLValue.text),
      .optional(change.declined.map { $0.map(\.rawValue).sorted() }, PostgreSQLValue.textArray),
      .optional(change.tier?.rawValue, PostgreSQLValue.text), .optional(change.timeZone, PostgreSQLValue.text),
      .timestamp(now.microseconds),
    ]
    func upsert() async throws -> Bool? {
      try await run(Statements.upsertUser, parameters, mayRepeat: true) { result in try result.first?.optionalBool(0) }
    }
    var created = try await upsert()
    while created == nil {
      try await erase(change.id)
      created = try await upsert()
    }
    guard let user = try await user(change.id) else { throw ConversationError.userUnknown }
    return (user, created == true)
  }

  package func user(_ id: UserID) async throws -> UserRecord? {
    try await run(Statements.user, [.text(id.rawValue)], kind: .read, mayRepeat: true) { result in
      guard let row = result.first else { return nil }
      var profile = Profile(
        nickname: try row.optionalString(0), birthYear: try row.optionalInt(1), birthPlace: try row.optionalString(2),
        grewUpPlace: try row.optionalString(3), occupation: try row.optionalString(4))
      for field in try row.stringArray(5) {
        if let field = ProfileField(rawValue: field) { profile.declined.insert(field) }
      }
      return UserRecord(
        id: id, profile: profile, tier: Tier(subscriptionType: try row.string(6)), timeZone: try row.string(7),
        createTime: Timestamp(microseconds: try row.timestamp_us(8)),
        updateTime: Timestamp(microseconds: try row.timestamp_us(9)))
    }
  }

  package func deleteUser(_ id: UserID) async throws -> Bool {
    try await run(
      Statements.beginErasure, [.text(id.rawValue), .int64(Limits.erasedConversations)], mayRepeat: true
    ) { result in
      try result.first?.bool(0) ?? false
    }
  }

  package func erase(_ id: UserID) async throws {
    var isOver = false
    while !isOver {
      try Task.checkCancellation()
      isOver = try await run(
        Statements.eraseUser,
        [.text(id.rawValue), .int64(Limits.prunedRows), .int64(Limits.prunedAudio_bytes)], mayRepeat: true
      ) { result in
        try result.first?.bool(0) ?? false
      }
    }
  }
}
