import Conversation
import PostgreSQL

/// Every statement of the store but the migrations'. Calls of functions: their SQL is in the migrations.
enum Statements {
  static let sendText = call("send_text", parameters: 15)
  static let completeTurn = call("complete_turn", parameters: 26)
  static let failTurn = call("fail_turn", parameters: 10)
  static let retryTurn = call("retry_turn", parameters: 7)
  static let enqueueGreeting = call("enqueue_greeting", parameters: 10)
  static let endConversation = call("end_conversation", parameters: 5)
  static let deleteConversation = call("delete_conversation", parameters: 3)
  static let acknowledge = call("acknowledge", parameters: 6)
  static let setChips = call("set_chips", parameters: 4)
  static let renewLeases = call("renew_leases", parameters: 4)
  static let claimTurns = call("claim_turns", parameters: 6)
  static let upsertUser = call("upsert_user", parameters: 10)
  static let beginErasure = call("begin_erasure", parameters: 2)
  static let eraseUser = call("erase_user", parameters: 3)
  static let time = Statement("time", "SELECT clock_timestamp()")
  static let erasures = Statement(
    "erasures", "SELECT user_id::text FROM lifeecho.erasures ORDER BY begun_at LIMIT $1")
  static let conversationStatus = call("conversation_status", parameters: 2)
  static let pruneRequests = call("prune_requests", parameters: 2)
  static let storeSegments = call("store_segments", parameters: 20)
  static let extendRecordings = call("extend_recordings", parameters: 16)
  static let claimSegments = call("claim_segments", parameters: 10)
  static let renewSegments = call("renew_segments", parameters: 8)
  static let completeSegment = call("complete_segment", parameters: 11)
  static let dueVoiceSessions = call("due_voice_sessions", parameters: 2)
  static let finishVoiceSession = call("finish_voice_session", parameters: 12)
  static let retryTranscription = call("retry_transcription", parameters: 7)
  static let voiceSession = call("voice_session", parameters: 4)
  static let armFeedback = call("arm_feedback", parameters: 5)
  static let fireFeedback = call("fire_feedback", parameters: 6)
  static let admitTranscription = call("admit_transcription", parameters: 5)
  static let endRecording = call("end_recording", parameters: 6)
  static let emptyAudio = call("empty_audio", parameters: 3)
  static let pruneFeedback = call("prune_feedback", parameters: 2)
  static let failedVoiceSessions = Statement(
    "failed_voice_sessions",
    """
    SELECT v.user_id, v.conversation_id, v.session_id, v.generation
    FROM lifeecho.voice_sessions v JOIN lifeecho.conversations c USING (user_id, conversation_id)
    WHERE v.state = 'failed' AND v.audio_expires_at IS NOT NULL AND c.deleted_at IS NULL
    ORDER BY NOT EXISTS (
      SELECT FROM lifeecho.audio_segments s
      WHERE s.user_id = v.user_id AND s.conversation_id = v.conversation_id AND s.session_id = v.session_id
        AND s.generation = v.generation AND s.failure IS NOT NULL), v.created_at
    LIMIT $1
    """)

  static let cancelSpeech = call("cancel_speech", parameters: 8)
  static let cancelEpoch = Statement(
    "cancel_epoch",
    """
    SELECT cancel_epoch FROM lifeecho.conversations WHERE user_id = $1 AND conversation_id = $2 AND \(isNotErased)
    """)
  /// Of a turn, or the newest one.
  static let reply = Statement(
    "reply",
    """
    SELECT m.turn_id, m.sequence, m.pieces
    FROM lifeecho.messages m JOIN lifeecho.conversations c USING (user_id, conversation_id)
    WHERE m.user_id = $1 AND m.conversation_id = $2 AND m.role = 'agent' AND c.deleted_at IS NULL AND \(isNotErased) AND (
      $3::text IS NULL OR m.sequence = (
        SELECT reply_sequence FROM lifeecho.turns WHERE user_id = $1 AND conversation_id = $2 AND turn_id = $3))
    ORDER BY m.sequence DESC LIMIT 1
    """)

  /// The answer's columns, with its context spread out.
  static let connect = Statement(
    "connect_conversation",
    "SELECT "
      + (ConnectAnswer.Column.allCases.map { "a.\($0)" }
      + TurnAnswer.Column.allCases.suffix(TurnContext.columnCount).map { "(a.context).\($0)" })
      .joined(separator: ", ") + " FROM lifeecho.connect_conversation(\(placeholders(13))) a")

  static let user = Statement(
    "user",
    """
    SELECT nickname, birth_year, birth_place, grew_up_place, occupation, declined, tier, time_zone, created_at,
      updated_at
    FROM lifeecho.users WHERE user_id = $1
    """)

  /// Of a user whose erasure has begun, rows may be left that nobody finds any more.
  private static let isNotErased = "NOT EXISTS (SELECT FROM lifeecho.erasures WHERE user_id = $1)"

  private static let conversationColumns = """
    conversation_id, status, stage, head_sequence, log_epoch, started_at, last_message_at, ended_at, message_count
    """
  static let conversation = Statement(
    "conversation",
    """
    SELECT \(conversationColumns) FROM lifeecho.conversations
    WHERE user_id = $1 AND conversation_id = $2 AND deleted_at IS NULL AND \(isNotErased)
    """)
  /// A conversation without messages stands where it was created.
  static let conversations = Statement(
    "conversations",
    """
    SELECT \(conversationColumns) FROM lifeecho.conversations
    WHERE user_id = $1 AND deleted_at IS NULL AND \(isNotErased) AND (
      $2::timestamptz IS NULL OR coalesce(last_message_at, started_at) < $2
      OR (coalesce(last_message_at, started_at) = $2 AND conversation_id > $3))
    ORDER BY coalesce(last_message_at, started_at) DESC, conversation_id LIMIT $4
    """)
  static let messages = Statement(
    "messages",
    """
    SELECT m.message_id, m.sequence, m.role, m.source, m.pieces, m.turn_id, m.create_time, m.chip_id,
      m.heard_text, m.voice_session_id
    FROM lifeecho.messages m JOIN lifeecho.conversations c USING (user_id, conversation_id)
    WHERE m.user_id = $1 AND m.conversation_id = $2 AND m.sequence > $3 AND c.deleted_at IS NULL AND \(isNotErased)
    ORDER BY m.sequence LIMIT $4
    """)
  static let events = Statement(
    "events",
    """
    SELECT e.sequence, e.kind, coalesce(e.turn_id, ''), coalesce(e.request_id, ''), e.payload, e.create_time
    FROM lifeecho.events e JOIN lifeecho.conversations c USING (user_id, conversation_id)
    WHERE e.user_id = $1 AND e.conversation_id = $2 AND e.sequence > $3 AND e.sequence <= $4
      AND c.deleted_at IS NULL AND \(isNotErased)
    ORDER BY e.sequence LIMIT $5
    """)
  static let turn = Statement(
    "turn",
    """
    SELECT t.turn_id, t.kind, t.state, t.attempt, t.end_sequence, t.failure, t.reply_message_id, m.pieces
    FROM lifeecho.turns t
    JOIN lifeecho.conversations c USING (user_id, conversation_id)
    LEFT JOIN lifeecho.messages m
      ON m.user_id = t.user_id AND m.conversation_id = t.conversation_id AND m.sequence = t.reply_sequence
    WHERE t.user_id = $1 AND t.conversation_id = $2 AND t.turn_id = $3 AND c.deleted_at IS NULL AND \(isNotErased)
    """)
  static let heads = Statement(
    "heads",
    """
    SELECT asked.place, c.head_sequence
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY asked (user_id, conversation_id, place)
    JOIN lifeecho.conversations c USING (user_id, conversation_id)
    WHERE c.deleted_at IS NULL AND NOT EXISTS (SELECT FROM lifeecho.erasures x WHERE x.user_id = c.user_id)
    """)

  private static func call(_ function: String, parameters: Int) -> Statement {
    Statement(function, "SELECT * FROM lifeecho.\(function)(\(placeholders(parameters)))")
  }

  private static func placeholders(_ count: Int) -> String {
    (1...count).map { "$\($0)" }.joined(separator: ", ")
  }
}
