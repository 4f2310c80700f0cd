package import Conversation
package import Interview
import PostgreSQL

extension ConversationStore {
  package func connect(_ command: ConnectCommand) async throws -> ConnectOutcome {
    let mode: String
    var after: Int64 = 0
    var epoch = ""
    switch command.replay {
    case .none: mode = "none"
    case .after(let sequence, let known): (mode, after, epoch) = ("after", sequence, known)
    case .fromAcknowledged(let known): (mode, epoch) = ("acknowledged", known)
    }
    return try await run(
      Statements.connect,
      [
        .text(command.user.rawValue), .text(command.conversation.rawValue), .bool(command.interactive),
        .timestamp(command.now.microseconds), .text(mode), .int64(after), .text(epoch), .text(command.device),
        .int64(Int64(command.replayLimit)), .optional(command.untilTurn?.rawValue, PostgreSQLValue.text),
        Self.stageNames, quotaLimits, Self.contextMessages,
      ], mayRepeat: true
    ) { result in
      try ConnectAnswer.decode(try result.accepted().row)
    }
  }

  package func enqueueGreeting(_ command: GreetingCommand) async throws -> GreetingOutcome {
    try await run(
      Statements.enqueueGreeting,
      [
        .text(command.user.rawValue), .text(command.conversation.rawValue), .text(command.kind.rawValue),
        .text(command.turn.rawValue), .int64(command.expectedMessageCount), .text(command.lease.server.rawValue),
        .int64(command.lease.duration_ms), .timestamp(command.now.microseconds), Self.contextMessages,
        .int64(Conversation.Limits.greetings),
      ], mayRepeat: false
    ) { result in
      let (row, outcome) = try result.accepted()
      let answer = TurnAnswer(row)
      if outcome == .quota { return .used }
      if outcome == .open {
        return .open(turn: TurnID(try answer.string(.turn_id)), kind: try stored(answer.string(.turn_kind)))
      }
      guard outcome == .ok, let leased = try answer.leased else { return .notDue }
      return .leased(leased, events: try answer.events)
    }
  }

  package func sendText(_ command: SendTextCommand) async throws -> SendTextOutcome {
    try await run(
      Statements.sendText,
      [
        .text(command.user.rawValue), .text(command.conversation.rawValue), .text(command.text),
        .text(MessageText.trimmed(command.text)), .optional(command.request?.rawValue, PostgreSQLValue.text),
        .bytes(command.digest), .optional(command.chipID, PostgreSQLValue.text),
        .optional(command.clientTime?.microseconds, PostgreSQLValue.timestamp), .text(command.message.rawValue),
        .text(command.turn.rawValue), .text(command.lease.server.rawValue), .int64(command.lease.duration_ms),
        .timestamp(command.now.microseconds), quotaLimits, Self.contextMessages,
      ], mayRepeat: command.request != nil
    ) { result in
      let (row, outcome) = try result.accepted()
      let answer = TurnAnswer(row)
      if outcome == .quota { throw ConversationError.quotaExceeded(try answer.quota) }
      return SendTextOutcome(
        duplicate: outcome == .duplicate, message: MessageID(try answer.string(.message_id)),
        turn: TurnID(try answer.string(.turn_id)), sequence: try answer.sequence, epoch: try answer.epoch,
        turnState: try stored(answer.string(.turn_state)), quota: try answer.quota, leased: try answer.leased,
        events: try answer.events)
    }
  }

  package func endConversation(_ command: EndCommand) async throws -> EndOutcome {
    try await run(
      Statements.endConversation,
      [
        .text(command.user.rawValue), .text(command.conversation.rawValue),
        .optional(command.request?.rawValue, PostgreSQLValue.text), .bytes(command.digest),
        .timestamp(command.now.microseconds),
      ], mayRepeat: true
    ) { result in
      let (row, outcome) = try result.accepted()
      let answer = TurnAnswer(row)
      return EndOutcome(
        sequence: try answer.sequence, duplicate: outcome == .duplicate, epoch: try answer.epoch,
        events: try answer.events)
    }
  }

  package func deleteConversation(user: UserID, conversation: ConversationID, now: Timestamp) async throws {
    try await run(
      Statements.deleteConversation,
      [.text(user.rawValue), .text(conversation.rawValue), .timestamp(now.microseconds)], mayRepeat: true
    ) { result in
      _ = try result.accepted()
    }
  }

  package func acknowledge(
    user: UserID, conversation: ConversationID, device: String, sequence: Int64, now: Timestamp
  ) async throws -> Int64 {
    try await run(
      Statements.acknowledge,
      [
        .text(user.rawValue), .text(conversation.rawValue), .text(device), .int64(sequence),
        .timestamp(now.microseconds), .int64(Limits.devices),
      ], mayRepeat: true
    ) { result in
      try result.accepted().row.int64(1)
    }
  }

  package func setChips(user: UserID, conversation: ConversationID, chips: [Chip]) async throws {
    try await run(
      Statements.setChips,
      [
        .text(user.rawValue), .text(conversation.rawValue), .textArray(chips.map(\.id)),
        .textArray(chips.map(\.text)),
      ], mayRepeat: true
    ) { result in
      _ = try result.accepted()
    }
  }
}
