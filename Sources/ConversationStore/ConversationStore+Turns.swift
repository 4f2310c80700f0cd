package import Conversation
import Interview
import PostgreSQL

extension ConversationStore {
  package func completeTurn(_ completion: TurnCompletion) async throws -> TurnEndOutcome {
    let profile = completion.profile
    return try await run(
      Statements.completeTurn,
      [
        .text(completion.user.rawValue), .text(completion.conversation.rawValue),
        .text(completion.lease.turn.rawValue), .int64(completion.lease.number), .text(completion.message.rawValue),
        .textArray(completion.pieces), .text(completion.interviewState), .text(completion.interviewStage),
        .int64(completion.interviewVersion), .bool(completion.awaitsProfileAnswer),
        .textArray(completion.profileChanges.map(\.rawValue).sorted()),
        .optional(profile.nickname, PostgreSQLValue.text),
        .optional(profile.birthYear.map(Int64.init), PostgreSQLValue.int64),
        .optional(profile.birthPlace, PostgreSQLValue.text), .optional(profile.grewUpPlace, PostgreSQLValue.text),
        .optional(profile.occupation, PostgreSQLValue.text),
        .textArray(profile.declined.map(\.rawValue).sorted()), .text(completion.stage),
        .textArray(completion.chips.map(\.id)), .textArray(completion.chips.map(\.text)),
        .text(completion.nextLease.server.rawValue), .int64(completion.nextLease.duration_ms),
        .timestamp(completion.now.microseconds), quotaLimits, Self.contextMessages,
        .optional(completion.firstPieceTime?.microseconds, PostgreSQLValue.int64),
      ], mayRepeat: true, Self.decodeEnd)
  }

  package func failTurn(_ failure: TurnFailure) async throws -> TurnEndOutcome {
    try await run(
      Statements.failTurn,
      [
        .text(failure.user.rawValue), .text(failure.conversation.rawValue), .text(failure.lease.turn.rawValue),
        .int64(failure.lease.number), .text(failure.reason.rawValue), .bool(failure.retryable),
        .text(failure.nextLease.server.rawValue), .int64(failure.nextLease.duration_ms),
        .timestamp(failure.now.microseconds), Self.contextMessages,
      ], mayRepeat: true, Self.decodeEnd)
  }

  private static func decodeEnd(_ result: PostgreSQLResult) throws -> TurnEndOutcome {
    let (row, outcome) = try result.accepted()
    let answer = TurnAnswer(row)
    switch outcome {
    case .fenced: return .fenced
    case .stateChanged: return .stateChanged(try answer.context)
    default: return .ended(events: try answer.events, epoch: try answer.epoch, next: try answer.leased)
    }
  }

  package func retryTurn(_ command: RetryTurnCommand) async throws -> RetryTurnOutcome {
    try await run(
      Statements.retryTurn,
      [
        .text(command.user.rawValue), .text(command.conversation.rawValue), .text(command.turn.rawValue),
        .text(command.lease.server.rawValue), .int64(command.lease.duration_ms),
        .timestamp(command.now.microseconds), Self.contextMessages,
      ], mayRepeat: true
    ) { result in
      let answer = TurnAnswer(try result.accepted().row)
      return RetryTurnOutcome(
        state: try stored(answer.string(.turn_state)), attempt: try answer.attempt, epoch: try answer.epoch,
        leased: try answer.leased, events: try answer.events)
    }
  }

  package func renewLeases(
    server: ServerID, leases: [TurnLease], duration_ms: Int64
  ) async throws -> Set<TurnLease> {
    if leases.isEmpty { return [] }
    return try await run(
      Statements.renewLeases,
      [
        .text(server.rawValue), .textArray(leases.map(\.turn.rawValue)), .int64Array(leases.map(\.number)),
        .int64(duration_ms),
      ], mayRepeat: true
    ) { result in
      var kept: Set<TurnLease> = []
      for row in result { kept.insert(TurnLease(turn: TurnID(try row.string(0)), number: try row.int64(1))) }
      return kept
    }
  }

  package func claimTurns(
    server: ServerID, alone: Bool, duration_ms: Int64, limit: Int, now: Timestamp
  ) async throws -> [ClaimedTurn] {
    try await run(
      Statements.claimTurns,
      [
        .text(server.rawValue), .bool(alone), .int64(duration_ms), .int64(Int64(limit)),
        .timestamp(now.microseconds), Self.contextMessages,
      ], mayRepeat: false
    ) { result in
      try result.compactMap { row in
        let answer = TurnAnswer(row)
        guard let turn = try answer.leased else { return nil }
        return ClaimedTurn(turn: turn, epoch: try answer.epoch, events: try answer.events)
      }
    }
  }
}
