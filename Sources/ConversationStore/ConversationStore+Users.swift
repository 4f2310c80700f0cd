package import Conversation
import Interview
import PostgreSQL

extension ConversationStore {
  package func upsertUser(_ change: UserChange, now: Timestamp) async throws -> (user: UserRecord, created: Bool) {
    let created = try await run(
      Statements.upsertUser,
      [
        .text(change.id.rawValue), .optional(change.nickname, PostgreSQLValue.text),
        .optional(change.birthYear.map(Int64.init), PostgreSQLValue.int64),
        .optional(change.birthPlace, PostgreSQLValue.text), .optional(change.grewUpPlace, PostgreSQLValue.text),
        .optional(change.occupation, PostgreSQLValue.text),
        .optional(change.declined.map { $0.map(\.rawValue).sorted() }, PostgreSQLValue.textArray),
        .optional(change.tier?.rawValue, PostgreSQLValue.text), .optional(change.timeZone, PostgreSQLValue.text),
        .timestamp(now.microseconds),
      ], mayRepeat: true
    ) { result in
      try result.first?.bool(0) ?? false
    }
    guard let user = try await user(change.id) else { throw ConversationError.userUnknown }
    return (user, created)
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
    try await run(Statements.deleteUser, [.text(id.rawValue)], mayRepeat: true) { result in
      try result.first?.bool(0) ?? false
    }
  }

  /// Forgets what need not be kept any longer: requests of more than 30 days, audio whose time is over. Once an hour is
  /// enough.
  /// - Returns: rows deleted.
  package func prune(now: Timestamp) async throws -> Int64 {
    let before = now.microseconds - Limits.requestAge_days * 86_400_000_000
    var total: Int64 = 0
    for _ in 0..<Limits.pruneRounds {
      let count = try await run(
        Statements.pruneRequests, [.timestamp(before), .int64(Limits.prunedRows)], mayRepeat: true
      ) { result in
        try result.first?.int64(0) ?? 0
      }
      total += count
      if count < Limits.prunedRows { break }
    }
    for _ in 0..<Limits.pruneRounds {
      let count = try await run(
        Statements.pruneAudio, [.timestamp(now.microseconds), .int64(Limits.prunedSessions)], mayRepeat: true
      ) { result in
        try result.first?.int64(0) ?? 0
      }
      total += count
      if count < Limits.prunedSessions { break }
    }
    return total
  }
}
