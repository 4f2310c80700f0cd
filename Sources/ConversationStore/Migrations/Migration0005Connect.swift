extension Migration {
  /// Connecting and greeting.
  static let connect = Migration(
    version: 5, name: "connect",
    sql: #"""
      CREATE TYPE lifeecho.connect_answer AS (
        outcome text,
        log_epoch text,
        created boolean,
        head bigint,
        message_count bigint,
        recovered boolean,
        -- Null: no replay.
        replay_after bigint,
        event_sequences bigint[],
        event_kinds smallint[],
        event_turns text[],
        event_requests text[],
        event_payloads text[],
        -- Microseconds since the Unix epoch.
        event_times bigint[],
        turns_limit bigint,
        turns_used bigint,
        speech_limit_ms bigint,
        speech_used_ms bigint,
        reset_time timestamptz,
        has_open_turn boolean,
        greeting_turn text,
        greeting_kind text,
        chip_ids text[],
        -- The turn asked for; null when unknown.
        until_turn text,
        until_kind text,
        until_state text,
        until_attempt bigint,
        until_end_sequence bigint,
        until_failure text,
        until_reply text,
        until_pieces text[],
        context lifeecho.turn_answer
      );

      -- p_replay: none, after (p_after), acknowledged (p_device's position). p_stages: the stages' names in order.
      -- Outcomes: ok, user_unknown, forbidden, unknown (not interactive), deleted. Writes only to create or to align a
      -- stage.
      CREATE FUNCTION lifeecho.connect_conversation(
        p_user text, p_conversation text, p_interactive boolean, p_now timestamptz, p_replay text, p_after bigint,
        p_epoch text, p_device text, p_replay_limit bigint, p_until text, p_stages text[], p_limits bigint[],
        p_history bigint, OUT answer lifeecho.connect_answer
      ) LANGUAGE plpgsql SET enable_seqscan = off AS $$
      DECLARE
        v_conversation record;
        v_person record;
        v_quota lifeecho.quota;
        v_context lifeecho.turn_answer;
        v_creation text := '';
        v_stage text;
      BEGIN
        LOOP
          SELECT head_sequence, log_epoch, stage, message_count, turn_count, open_turns, last_chip_ids, deleted_at
            INTO v_conversation
            FROM lifeecho.conversations WHERE user_id = p_user AND conversation_id = p_conversation;
          EXIT WHEN FOUND;
          IF v_creation = 'exists' THEN
            answer.outcome := 'user_unknown';
            RETURN;
          END IF;
          IF NOT p_interactive THEN
            answer.outcome := lifeecho.absence(p_user, p_conversation);
            RETURN;
          END IF;
          v_creation := lifeecho.create_conversation(p_user, p_conversation, p_now);
          IF v_creation IN ('user_unknown', 'forbidden') THEN
            answer.outcome := v_creation;
            RETURN;
          END IF;
        END LOOP;
        IF v_conversation.deleted_at IS NOT NULL THEN
          answer.outcome := 'deleted';
          RETURN;
        END IF;
        SELECT u.tier, u.day_zone, btrim(coalesce(m.stage, '')) AS stage INTO v_person
          FROM lifeecho.users u LEFT JOIN lifeecho.memoir_state m ON m.user_id = u.user_id WHERE u.user_id = p_user;
        IF NOT FOUND THEN
          answer.outcome := 'user_unknown';
          RETURN;
        END IF;

        -- Forward only; an unknown name is before the first.
        v_stage := v_conversation.stage;
        IF p_interactive AND v_person.stage <> '' AND v_person.stage <> v_stage AND (
          btrim(v_stage) = ''
          OR coalesce(array_position(p_stages, v_person.stage), 0) >= coalesce(array_position(p_stages,
              btrim(v_stage)), 0))
        THEN
          v_stage := v_person.stage;
          -- Unless a turn has moved it meanwhile.
          UPDATE lifeecho.conversations SET stage = v_stage WHERE user_id = p_user
              AND conversation_id = p_conversation AND stage = v_conversation.stage;
        END IF;

        answer.outcome := 'ok';
        answer.created := v_creation = 'created';
        answer.log_epoch := v_conversation.log_epoch;
        answer.head := v_conversation.head_sequence;
        answer.message_count := v_conversation.message_count;
        answer.recovered := true;
        answer.has_open_turn := v_conversation.open_turns > 0;
        answer.chip_ids := v_conversation.last_chip_ids;
        IF p_replay <> 'none' THEN
          answer.replay_after := p_after;
          IF p_replay = 'acknowledged' THEN
            SELECT sequence INTO answer.replay_after FROM lifeecho.device_positions
              WHERE user_id = p_user AND conversation_id = p_conversation AND device_id = p_device;
            answer.replay_after := coalesce(answer.replay_after, 0);
          END IF;
          IF answer.replay_after > answer.head OR (p_epoch <> '' AND p_epoch <> answer.log_epoch) THEN
            answer.recovered := false;
            answer.replay_after := NULL;
          ELSIF answer.replay_after < answer.head AND p_replay_limit > 0 THEN
            SELECT array_agg(e.sequence), array_agg(e.kind), array_agg(coalesce(e.turn_id, '')),
                array_agg(coalesce(e.request_id, '')), array_agg(e.payload::text),
                array_agg(lifeecho.microseconds(e.create_time))
              INTO answer.event_sequences, answer.event_kinds, answer.event_turns, answer.event_requests,
                answer.event_payloads, answer.event_times
              FROM (
                SELECT * FROM lifeecho.events
                  WHERE user_id = p_user AND conversation_id = p_conversation AND sequence > answer.replay_after
                    AND sequence <= answer.head
                  ORDER BY sequence LIMIT p_replay_limit
              ) e;
          END IF;
        END IF;

        v_quota := lifeecho.quota_now(p_user, v_person.tier, v_person.day_zone, p_limits, p_now);
        answer.turns_limit := v_quota.turns_limit;
        answer.turns_used := v_quota.turns_used;
        answer.speech_limit_ms := v_quota.speech_limit_ms;
        answer.speech_used_ms := v_quota.speech_used_ms;
        answer.reset_time := v_quota.reset_time;
        IF answer.has_open_turn THEN
          SELECT turn_id, kind INTO answer.greeting_turn, answer.greeting_kind FROM lifeecho.turns
            WHERE user_id = p_user AND conversation_id = p_conversation AND state IN ('queued', 'running')
              AND kind <> 'reply'
            ORDER BY ordinal LIMIT 1;
        END IF;
        IF p_until IS NOT NULL THEN
          SELECT t.turn_id, t.kind, t.state, t.attempt, t.end_sequence, t.failure, t.reply_message_id, m.pieces
            INTO answer.until_turn, answer.until_kind, answer.until_state, answer.until_attempt,
                answer.until_end_sequence,
              answer.until_failure, answer.until_reply, answer.until_pieces
            FROM lifeecho.turns t
            LEFT JOIN lifeecho.messages m
              ON m.user_id = t.user_id AND m.conversation_id = t.conversation_id AND m.sequence = t.reply_sequence
            WHERE t.user_id = p_user AND t.conversation_id = p_conversation AND t.turn_id = p_until;
        END IF;
        -- Only what was there when the conversation was read: turns that came since have a greater ordinal.
        v_context := lifeecho.with_context(v_context, p_user, p_conversation, v_stage, v_conversation.turn_count + 1,
          p_history);
        IF v_context.declined IS NULL THEN
          -- Erased while this function read.
          answer := NULL;
          answer.outcome := 'user_unknown';
          RETURN;
        END IF;
        v_context.ordinal := v_conversation.turn_count;
        answer.context := v_context;
      END $$;

      -- Outcomes: ok (leased), open (another greeting, in turn_id and turn_kind), not_due, user_unknown, forbidden,
      -- unknown, deleted.
      CREATE FUNCTION lifeecho.enqueue_greeting(
        p_user text, p_conversation text, p_kind text, p_turn text, p_message_count bigint, p_server text,
        p_lease_ms bigint, p_now timestamptz, p_history bigint, OUT answer lifeecho.turn_answer
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
        INSERT INTO lifeecho.turns (user_id, conversation_id, turn_id, ordinal, kind, state, created_at)
          VALUES (p_user, p_conversation, p_turn, v_conversation.turn_count + 1, p_kind, 'queued', p_now);
        UPDATE lifeecho.conversations
          SET head_sequence = head_sequence + 1, turn_count = turn_count + 1, open_turns = open_turns + 1
          WHERE user_id = p_user AND conversation_id = p_conversation;
        answer := lifeecho.with_started_turn(answer, p_user, p_conversation, p_turn, v_conversation.stage,
          v_conversation.head_sequence + 1, p_server, p_lease_ms, p_now, p_history);
        answer.outcome := 'ok';
      END $$;
      """#)
}
