extension Migration {
  /// Greetings are counted by the day, as turns are.
  static let dailyGreetings = Migration(
    version: 16, name: "daily_greetings",
    sql: #"""
      ALTER TABLE lifeecho.quota_usage ADD COLUMN greetings integer NOT NULL DEFAULT 0;

      -- p_greetings: how many of them the user may have in a day.
      -- Outcomes: ok (leased), open (another greeting, in turn_id and turn_kind), not_due, quota, user_unknown, forbidden,
      -- unknown, deleted.
      CREATE FUNCTION lifeecho.enqueue_greeting(
        p_user text, p_conversation text, p_kind text, p_turn text, p_message_count bigint, p_server text,
        p_lease_ms bigint, p_now timestamptz, p_history bigint, p_greetings bigint, OUT answer lifeecho.turn_answer
      ) LANGUAGE plpgsql SET enable_seqscan = off AS $$
      DECLARE
        v_conversation record;
      BEGIN
        SELECT head_sequence, log_epoch, stage, message_count, turn_count, open_turns, deleted_at INTO v_conversation
          FROM lifeecho.conversations WHERE user_id = p_user AND conversation_id = p_conversation FOR NO KEY UPDATE;
        IF NOT FOUND THEN
          answer.outcome := lifeecho.absence(p_user, p_conversation);
          RETURN;
        END IF;
        IF v_conversation.deleted_at IS NOT NULL THEN
          answer.outcome := 'deleted';
          RETURN;
        END IF;
        answer.log_epoch := v_conversation.log_epoch;
        answer.outcome := 'not_due';
        IF v_conversation.open_turns > 0 THEN
          SELECT turn_id, kind INTO answer.turn_id, answer.turn_kind FROM lifeecho.turns
            WHERE user_id = p_user AND conversation_id = p_conversation AND state IN ('queued', 'running')
              AND kind <> 'reply'
            ORDER BY ordinal LIMIT 1;
          IF FOUND THEN
            answer.outcome := 'open';
          END IF;
          RETURN;
        END IF;
        IF v_conversation.message_count <> p_message_count THEN
          RETURN;
        END IF;
        INSERT INTO lifeecho.quota_usage AS q (user_id, day, greetings)
          SELECT p_user, (p_now AT TIME ZONE u.day_zone)::date, 1 FROM lifeecho.users u WHERE u.user_id = p_user
          ON CONFLICT (user_id, day) DO UPDATE SET greetings = q.greetings + 1 WHERE q.greetings < p_greetings;
        IF NOT FOUND THEN
          answer.outcome := 'quota';
          RETURN;
        END IF;
        INSERT INTO lifeecho.turns (user_id, conversation_id, turn_id, ordinal, kind, state, created_at)
          VALUES (p_user, p_conversation, p_turn, v_conversation.turn_count + 1, p_kind, 'queued', p_now);
        UPDATE lifeecho.conversations
          SET head_sequence = head_sequence + 1, turn_count = turn_count + 1, open_turns = open_turns + 1
          WHERE user_id = p_user AND conversation_id = p_conversation;
        answer := lifeecho.with_started_turn(answer, p_user, p_conversation, p_turn, v_conversation.stage,
          v_conversation.head_sequence + 1, p_server, p_lease_ms, p_now, p_history);
        answer.outcome := 'ok';
      END $$;

      -- As servers of the version before call it.
      CREATE OR REPLACE FUNCTION lifeecho.enqueue_greeting(
        p_user text, p_conversation text, p_kind text, p_turn text, p_message_count bigint, p_server text,
        p_lease_ms bigint, p_now timestamptz, p_history bigint, OUT answer lifeecho.turn_answer
      ) LANGUAGE sql AS $$
        SELECT lifeecho.enqueue_greeting(p_user, p_conversation, p_kind, p_turn, p_message_count, p_server, p_lease_ms,
          p_now, p_history, 100);
      $$;
      """#)
}
