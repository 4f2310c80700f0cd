import Conversation
import PostgreSQL

/// A row of `Statements.connect`: the type `lifeecho.connect_answer` with its context spread out.
enum ConnectAnswer {
  /// In the order of the type; the context's columns follow.
  enum Column: Int, CaseIterable {
    case outcome, log_epoch, created, head, message_count, recovered, replay_after
    case event_sequences, event_kinds, event_turns, event_requests, event_payloads, event_times
    case turns_limit, turns_used, speech_limit_ms, speech_used_ms, reset_time
    case has_open_turn, greeting_turn, greeting_kind, chip_ids
    case until_turn, until_kind, until_state, until_attempt, until_end_sequence, until_failure, until_reply
    case until_pieces
  }

  static func decode(_ row: PostgreSQLRow) throws(PostgreSQLError) -> ConnectOutcome {
    var openGreeting: (turn: TurnID, kind: TurnKind)?
    if let turn = try row.optionalString(Column.greeting_turn.rawValue) {
      openGreeting = (TurnID(turn), try stored(row.string(Column.greeting_kind.rawValue)))
    }
    var untilTurn: TurnRecord?
    if !row.isNull(Column.until_turn.rawValue) {
      untilTurn = try TurnRecord(row, first: Column.until_turn.rawValue)
    }
    return ConnectOutcome(
      created: try row.bool(Column.created.rawValue), head: try row.int64(Column.head.rawValue),
      epoch: try row.string(Column.log_epoch.rawValue),
      quota: try QuotaSnapshot(row, first: Column.turns_limit.rawValue),
      recovered: try row.bool(Column.recovered.rawValue),
      replayAfter: try row.optionalInt64(Column.replay_after.rawValue), replay: try replay(row),
      messageCount: try row.int64(Column.message_count.rawValue),
      context: try TurnContext(row, first: Column.until_pieces.rawValue + 1), openGreeting: openGreeting,
      hasOpenTurn: try row.bool(Column.has_open_turn.rawValue),
      lastChipIDs: try row.optionalStringArray(Column.chip_ids.rawValue) ?? [], untilTurn: untilTurn)
  }

  private static func replay(_ row: PostgreSQLRow) throws(PostgreSQLError) -> [DurableEvent] {
    if row.isNull(Column.event_sequences.rawValue) { return [] }
    let sequences = try row.int64Array(Column.event_sequences.rawValue)
    let kinds = try row.int16Array(Column.event_kinds.rawValue)
    let turns = try row.stringArray(Column.event_turns.rawValue)
    let requests = try row.stringArray(Column.event_requests.rawValue)
    let payloads = try row.stringArray(Column.event_payloads.rawValue)
    let times = try row.int64Array(Column.event_times.rawValue)
    var events: [DurableEvent] = []
    events.reserveCapacity(sequences.count)
    for index in sequences.indices {
      events.append(
        try DurableEvent(
          sequence: sequences[index], kind: kinds[index], turn: turns[index], request: requests[index],
          payload: payloads[index], time_us: times[index]))
    }
    return events
  }
}

extension TurnRecord {
  /// - Parameter first: the column with the turn's id; kind, state, attempt, end sequence, failure, reply and its
  ///   pieces follow.
  init(_ row: PostgreSQLRow, first: Int) throws(PostgreSQLError) {
    self.init(
      id: TurnID(try row.string(first)), kind: try stored(row.string(first + 1)),
      state: try stored(row.string(first + 2)), attempt: try row.int(first + 3),
      endSequence: try row.optionalInt64(first + 4), failure: try row.optionalString(first + 5).map(stored),
      replyID: try row.optionalString(first + 6).map { MessageID($0) },
      replyPieces: try row.optionalStringArray(first + 7) ?? [])
  }
}
