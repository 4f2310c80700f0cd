import Conversation
import PostgreSQL

/// A row of the type `lifeecho.turn_answer`.
struct TurnAnswer {
  /// In the order of the type.
  enum Column: Int, CaseIterable {
    case outcome, log_epoch, event_time, event_sequences, event_kinds, event_turns, event_requests, event_payloads
    case sequence, message_id, turn_id, turn_kind, turn_state, attempt
    case turns_limit, turns_used, speech_limit_ms, speech_used_ms, reset_time
    case user_id, conversation_id, leased_turn, leased_kind, lease_number, leased_attempt, leased_request
    case leased_message, leased_text, leased_chip
    case nickname, birth_year, birth_place, grew_up_place, occupation, declined, time_zone, state, state_version, stage
    case history_agent, history_texts, last_message_time, ordinal
  }

  private let row: PostgreSQLRow

  init(_ row: PostgreSQLRow) { self.row = row }

  var epoch: String { get throws(PostgreSQLError) { try string(.log_epoch) } }

  /// What the command appended, decoded from what was stored.
  var events: [DurableEvent] {
    get throws(PostgreSQLError) {
      if row.isNull(Column.event_sequences.rawValue) { return [] }
      let time_us = try row.timestamp_us(Column.event_time.rawValue)
      let sequences = try row.int64Array(Column.event_sequences.rawValue)
      let kinds = try row.int16Array(Column.event_kinds.rawValue)
      let turns = try row.stringArray(Column.event_turns.rawValue)
      let requests = try row.stringArray(Column.event_requests.rawValue)
      let payloads = try row.stringArray(Column.event_payloads.rawValue)
      let count = sequences.count
      guard kinds.count == count, turns.count == count, requests.count == count, payloads.count == count else {
        throw PostgreSQLError(kind: .decoding, message: "the columns of the appended events differ in length")
      }
      var events: [DurableEvent] = []
      events.reserveCapacity(count)
      for index in 0..<count {
        events.append(
          try DurableEvent(
            sequence: sequences[index], kind: kinds[index], turn: turns[index], request: requests[index],
            payload: payloads[index], time_us: time_us))
      }
      return events
    }
  }

  var quota: QuotaSnapshot {
    get throws(PostgreSQLError) { try QuotaSnapshot(row, first: Column.turns_limit.rawValue) }
  }

  /// The turn that the command leased to this server.
  var leased: LeasedTurn? {
    get throws(PostgreSQLError) {
      guard let turn = try optionalString(.leased_turn) else { return nil }
      var message: IncomingMessage?
      if let id = try optionalString(.leased_message) {
        message = IncomingMessage(
          id: MessageID(id), text: try string(.leased_text), chipID: try optionalString(.leased_chip))
      }
      return LeasedTurn(
        lease: TurnLease(turn: TurnID(turn), number: try row.int64(Column.lease_number.rawValue)),
        user: UserID(try string(.user_id)), conversation: ConversationID(try string(.conversation_id)),
        kind: try stored(string(.leased_kind)), attempt: try row.int(Column.leased_attempt.rawValue),
        request: try optionalString(.leased_request).map { RequestID($0) }, message: message, context: try context)
    }
  }

  var context: TurnContext {
    get throws(PostgreSQLError) { try TurnContext(row, first: Column.nickname.rawValue) }
  }

  var sequence: Int64 { get throws(PostgreSQLError) { try row.int64(Column.sequence.rawValue) } }
  var attempt: Int { get throws(PostgreSQLError) { try row.int(Column.attempt.rawValue) } }
  func string(_ column: Column) throws(PostgreSQLError) -> String { try row.string(column.rawValue) }
  private func optionalString(_ column: Column) throws(PostgreSQLError) -> String? {
    try row.optionalString(column.rawValue)
  }
}

extension QuotaSnapshot {
  /// - Parameter first: the column `turns_limit`; the others follow.
  init(_ row: PostgreSQLRow, first: Int) throws(PostgreSQLError) {
    self.init(
      turnsLimit: try row.int(first), turnsUsed: try row.int(first + 1), speechLimit_ms: try row.int64(first + 2),
      speechUsed_ms: try row.int64(first + 3),
      resetTime: Timestamp(microseconds: try row.timestamp_us(first + 4)))
  }
}
