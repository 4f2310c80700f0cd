package import Conversation
import PostgreSQL

extension ConversationStore {
  /// Asked once: a second try would count the first one's time as the round trip's.
  package func time() async throws -> Timestamp {
    try await run(Statements.time, [], kind: .read, mayRepeat: false) { result in
      guard let row = result.first else { throw PostgreSQLError(kind: .decoding, message: "no time was told") }
      return Timestamp(microseconds: try row.timestamp_us(0))
    }
  }

  package func erasures(limit: Int) async throws -> [UserID] {
    try await run(Statements.erasures, [.int64(Int64(limit))], kind: .read, mayRepeat: true) { result in
      try result.map { UserID(try $0.string(0)) }
    }
  }

  package func pruneRequests(now: Timestamp) async throws {
    try await prune(Statements.pruneRequests, age_days: Limits.requestAge_days, now)
  }

  package func pruneAudio(now: Timestamp) async throws {
    for _ in 0..<Limits.audioRounds {
      let isOver = try await run(
        Statements.emptyAudio,
        [.timestamp(now.microseconds), .int64(Limits.prunedRows), .int64(Limits.prunedAudio_bytes)], mayRepeat: true
      ) { result in
        try result.first?.bool(0) ?? true
      }
      if isOver { break }
    }
    try await prune(Statements.pruneFeedback, age_days: Limits.feedbackAge_days, now)
  }

  private func prune(_ statement: Statement, age_days: Int64, _ now: Timestamp) async throws {
    let before = now.microseconds - age_days * 86_400_000_000
    for _ in 0..<Limits.pruneRounds {
      let count = try await run(statement, [.timestamp(before), .int64(Limits.prunedRows)], mayRepeat: true) { result in
        try result.first?.int64(0) ?? 0
      }
      if count < Limits.prunedRows { return }
    }
  }
}
