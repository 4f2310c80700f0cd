package import Conversation
import PostgreSQL

extension ConversationStore {
  package func cancelSpeech(_ command: CancelSpeechCommand) async throws -> CancelSpeechOutcome {
    try await run(
      Statements.cancelSpeech,
      [
        .text(command.user.rawValue), .text(command.conversation.rawValue),
        .optional(command.turn?.rawValue, PostgreSQLValue.text),
        .optional(command.heard?.reply, PostgreSQLValue.int64), .optional(command.heard?.text, PostgreSQLValue.text),
        .optional(command.request?.rawValue, PostgreSQLValue.text), .bytes(command.digest),
        .timestamp(command.now.microseconds),
      ], mayRepeat: true
    ) { result in
      let (row, outcome) = try result.accepted()
      return CancelSpeechOutcome(
        epoch: try row.int64(8), through: try row.int64(9), duplicate: outcome == .duplicate,
        events: try TurnAnswer(row).events)
    }
  }

  package func cancelEpoch(user: UserID, conversation: ConversationID) async throws -> Int64 {
    try await run(
      Statements.cancelEpoch, [.text(user.rawValue), .text(conversation.rawValue)], kind: .read, mayRepeat: true
    ) { result in
      try result.first?.int64(0) ?? 0
    }
  }

  package func reply(
    user: UserID, conversation: ConversationID, turn: TurnID?
  ) async throws -> (turn: TurnID?, sequence: Int64, pieces: [String])? {
    try await run(
      Statements.reply,
      [
        .text(user.rawValue), .text(conversation.rawValue), .optional(turn?.rawValue, PostgreSQLValue.text),
      ], kind: .read, mayRepeat: true
    ) { result in
      try result.first.map { row in
        (try row.optionalString(0).map { TurnID($0) }, try row.int64(1), try row.stringArray(2))
      }
    }
  }
}
