extension Migration {
  /// What ends a turn, and what starts it again.
  static let turnEnds = Migration(
    version: 4, name: "turn_ends",
    sql: #"""
      -- The first open turn of a locked conversation, if any, leased; the conversation's head moves by one with it.
      CREATE FUNCTION lifeecho.with_next_turn(
        answer lifeecho.turn_answer, p_user text, p_conversation text, p_stage text, p_head bigint, p_server text,
        p_lease_ms bigint, p_now timestamptz, p_history bigint
      ) RETURNS lifeecho.turn_answer LANGUAGE plpgsql AS $$
      DECLARE
        v_turn text;
      BEGIN
        SELECT turn_id INTO v_turn FROM lifeecho.turns
          WHERE user_id = p_user AND conversation_id = p_conversation AND state IN ('queued', 'running')
          ORDER BY ordinal LIMIT 1;
        IF NOT FOUND THEN
          RETURN answer;
        END IF;
        UPDATE lifeecho.conversations SET head_sequence = p_head + 1
          WHERE user_id = p_user AND conversation_id = p_conversation;
        RETURN lifeecho.with_started_turn(answer, p_user, p_conversation, v_turn, p_stage, p_head + 1, p_server,
            p_lease_ms,
          p_now, p_history);
      END $$;

      -- What complete_turn answered when it was sent before and only its answer was lost.
      CREATE FUNCTION lifeecho.completed_again(
        answer lifeecho.turn_answer, p_user text, p_conversation text, p_turn text, p_reply_sequence bigint,
        p_end_sequence bigint
      ) RETURNS lifeecho.turn_answer LANGUAGE plpgsql STABLE AS $$
      BEGIN
        SELECT max(create_time), array_agg(sequence ORDER BY sequence), array_agg(kind ORDER BY sequence),
            array_agg(turn_id ORDER BY sequence), array_agg(coalesce(request_id, '') ORDER BY sequence),
            array_agg(payload::text ORDER BY sequence)
          INTO answer.event_time, answer.event_sequences, answer.event_kinds, answer.event_turns,
              answer.event_requests,
            answer.event_payloads
          FROM lifeecho.events
          WHERE user_id = p_user AND conversation_id = p_conversation AND turn_id = p_turn
            AND sequence BETWEEN p_reply_sequence AND p_end_sequence;
        answer.outcome := 'ok';
        RETURN answer;
      END $$;

      -- A whole reply or greeting: message, events, interview state, profile, stage and chips; then the next turn is
      -- leased.
      -- Outcomes: ok, fenced, state_changed (nothing written; the context is fresh).
      CREATE FUNCTION lifeecho.complete_turn(
        p_user text, p_conversation text, p_turn text, p_lease_number bigint, p_message text, p_pieces text[],
            p_state text,
        p_state_stage text, p_state_version bigint, p_awaits_profile_answer boolean, p_changes text[], p_nickname text,
        p_birth_year bigint, p_birth_place text, p_grew_up_place text, p_occupation text, p_declined text[],
            p_stage text,
        p_chip_ids text[], p_chip_texts text[], p_server text, p_lease_ms bigint, p_now timestamptz, p_limits bigint[],
        p_history bigint, OUT answer lifeecho.turn_answer
      ) LANGUAGE plpgsql SET enable_seqscan = off AS $$
      DECLARE
        v_conversation record;
        v_turn record;
        v_person record;
        v_count integer := cardinality(p_pieces);
        v_head bigint;
        v_payloads jsonb[];
        v_kinds smallint[];
        v_completed jsonb;
      BEGIN
        SELECT head_sequence, log_epoch, stage, open_turns, deleted_at INTO v_conversation
          FROM lifeecho.conversations WHERE user_id = p_user AND conversation_id = p_conversation FOR NO KEY UPDATE;
        IF NOT FOUND OR v_conversation.deleted_at IS NOT NULL THEN
          answer.outcome := 'fenced';
          RETURN;
        END IF;
        answer.log_epoch := v_conversation.log_epoch;
        v_head := v_conversation.head_sequence;
        SELECT kind, state, ordinal, lease_number, request_id, reply_message_id, reply_sequence,
            end_sequence INTO v_turn
          FROM lifeecho.turns WHERE user_id = p_user AND conversation_id = p_conversation AND turn_id = p_turn;
        IF v_turn.state IS DISTINCT FROM 'running' OR v_turn.lease_number <> p_lease_number THEN
          IF v_turn.state = 'completed' AND v_turn.lease_number = p_lease_number
              AND v_turn.reply_message_id = p_message THEN
            answer := lifeecho.completed_again(answer, p_user, p_conversation, p_turn, v_turn.reply_sequence,
              v_turn.end_sequence);
          ELSE
            answer.outcome := 'fenced';
          END IF;
          RETURN;
        END IF;
        UPDATE lifeecho.memoir_state SET state = p_state, stage = p_state_stage, version = p_state_version + 1
          WHERE user_id = p_user AND version = p_state_version;
        IF NOT FOUND THEN
          answer := lifeecho.with_context(answer, p_user, p_conversation, v_conversation.stage, v_turn.ordinal,
              p_history);
          answer.outcome := 'state_changed';
          RETURN;
        END IF;
        IF cardinality(p_changes) > 0 THEN
          UPDATE lifeecho.users SET
              nickname = CASE WHEN 'nickname' = ANY (p_changes) THEN p_nickname ELSE nickname END,
              birth_year = CASE WHEN 'birth_year' = ANY (p_changes) THEN p_birth_year::integer ELSE birth_year END,
              birth_place = CASE WHEN 'birth_place' = ANY (p_changes) THEN p_birth_place ELSE birth_place END,
              grew_up_place = CASE WHEN 'grew_up_place' = ANY (p_changes) THEN p_grew_up_place ELSE grew_up_place END,
              occupation = CASE WHEN 'occupation' = ANY (p_changes) THEN p_occupation ELSE occupation END,
              declined = ARRAY(
                SELECT f FROM unnest(declined) f WHERE f <> ALL (p_changes)
                UNION SELECT f FROM unnest(p_declined) f WHERE f = ANY (p_changes) ORDER BY 1),
              updated_at = p_now
            WHERE user_id = p_user;
        END IF;

        v_payloads := ARRAY(
          SELECT jsonb_build_object('message_id', p_message, 'text', piece, 'index', place - 1, 'total', v_count)
            FROM unnest(p_pieces) WITH ORDINALITY p (piece, place) ORDER BY place);
        v_completed := jsonb_build_object('kind', v_turn.kind);
        IF v_turn.kind = 'reply' THEN
          SELECT u.tier, u.day_zone, d.day, coalesce(q.turns_used + q.turns_reserved, 0) AS turns_used,
              coalesce(q.speech_used_ms + q.speech_reserved_ms, 0) AS speech_used_ms
            INTO v_person
            FROM lifeecho.users u
            CROSS JOIN LATERAL (SELECT (p_now AT TIME ZONE u.day_zone)::date AS day) d
            LEFT JOIN lifeecho.quota_usage q ON q.user_id = u.user_id AND q.day = d.day
            WHERE u.user_id = p_user;
          v_completed := jsonb_build_object('kind', v_turn.kind, 'quota', jsonb_build_object(
            'turns_limit', p_limits[CASE v_person.tier WHEN 'premium' THEN 3 ELSE 1 END],
            'turns_used', v_person.turns_used,
            'speech_limit_ms', p_limits[CASE v_person.tier WHEN 'premium' THEN 4 ELSE 2 END],
            'speech_used_ms', v_person.speech_used_ms,
            'reset_time', lifeecho.microseconds(lifeecho.day_end(v_person.day, v_person.day_zone))));
        END IF;
        v_payloads := v_payloads || v_completed;
        v_kinds := array_fill(18::smallint, ARRAY[v_count]) || 19::smallint;
        answer.outcome := 'ok';
        answer.event_time := p_now;
        answer.event_sequences := ARRAY(SELECT generate_series(v_head + 1, v_head + v_count + 1));
        answer.event_kinds := v_kinds;
        answer.event_turns := array_fill(p_turn, ARRAY[v_count + 1]);
        answer.event_requests := array_fill(coalesce(v_turn.request_id, ''), ARRAY[v_count + 1]);
        answer.event_payloads := v_payloads::text[];
        INSERT INTO lifeecho.messages (user_id, conversation_id, sequence, message_id, role, source, pieces, turn_id,
            turn_ordinal, create_time)
          VALUES (p_user, p_conversation, v_head + 1, p_message, 'agent',
            CASE WHEN v_turn.kind = 'reply' THEN 'reply' ELSE 'greeting' END, p_pieces, p_turn, v_turn.ordinal, p_now);
        INSERT INTO lifeecho.events (user_id, conversation_id, sequence, kind, turn_id, request_id, payload,
            create_time)
          SELECT p_user, p_conversation, v_head + e.place, e.kind, p_turn, v_turn.request_id, e.payload, p_now
            FROM unnest(v_kinds, v_payloads) WITH ORDINALITY e (kind, payload, place);
        v_head := v_head + v_count + 1;
        UPDATE lifeecho.turns
          SET state = 'completed', lease_expires_at = NULL, reply_message_id = p_message,
            reply_sequence = v_head - v_count, end_sequence = v_head, failure = NULL, ended_at = p_now
          WHERE user_id = p_user AND conversation_id = p_conversation AND turn_id = p_turn;
        UPDATE lifeecho.conversations
          SET head_sequence = v_head, message_count = message_count + 1, last_message_at = p_now,
            open_turns = open_turns - 1, stage = p_stage, awaits_profile_answer = p_awaits_profile_answer,
            last_chip_ids = p_chip_ids, last_chip_texts = p_chip_texts
          WHERE user_id = p_user AND conversation_id = p_conversation;
        IF v_conversation.open_turns > 1 THEN
          answer := lifeecho.with_next_turn(answer, p_user, p_conversation, p_stage, v_head, p_server,
              p_lease_ms, p_now,
            p_history);
        END IF;
      END $$;

      -- Outcomes: ok, fenced.
      CREATE FUNCTION lifeecho.fail_turn(
        p_user text, p_conversation text, p_turn text, p_lease_number bigint, p_reason text, p_retryable boolean,
        p_server text, p_lease_ms bigint, p_now timestamptz, p_history bigint, OUT answer lifeecho.turn_answer
      ) LANGUAGE plpgsql SET enable_seqscan = off AS $$
      DECLARE
        v_conversation record;
        v_turn record;
        v_payload jsonb;
        v_sequence bigint;
      BEGIN
        SELECT head_sequence, log_epoch, stage, open_turns, deleted_at INTO v_conversation
          FROM lifeecho.conversations WHERE user_id = p_user AND conversation_id = p_conversation FOR NO KEY UPDATE;
        IF NOT FOUND OR v_conversation.deleted_at IS NOT NULL THEN
          answer.outcome := 'fenced';
          RETURN;
        END IF;
        answer.log_epoch := v_conversation.log_epoch;
        SELECT kind, state, lease_number, request_id, end_sequence INTO v_turn
          FROM lifeecho.turns WHERE user_id = p_user AND conversation_id = p_conversation AND turn_id = p_turn;
        IF v_turn.state IS DISTINCT FROM 'running' OR v_turn.lease_number <> p_lease_number THEN
          IF v_turn.state = 'failed' AND v_turn.lease_number = p_lease_number AND v_turn.end_sequence IS NOT NULL THEN
            answer := lifeecho.completed_again(answer, p_user, p_conversation, p_turn, v_turn.end_sequence,
              v_turn.end_sequence);
          ELSE
            answer.outcome := 'fenced';
          END IF;
          RETURN;
        END IF;
        v_sequence := v_conversation.head_sequence + 1;
        v_payload := jsonb_build_object('kind', v_turn.kind, 'reason', p_reason, 'retryable', p_retryable);
        INSERT INTO lifeecho.events (user_id, conversation_id, sequence, kind, turn_id, request_id, payload,
            create_time)
          VALUES (p_user, p_conversation, v_sequence, 20, p_turn, v_turn.request_id, v_payload, p_now);
        UPDATE lifeecho.turns
          SET state = 'failed', lease_expires_at = NULL, end_sequence = v_sequence, failure = p_reason,
              ended_at = p_now
          WHERE user_id = p_user AND conversation_id = p_conversation AND turn_id = p_turn;
        UPDATE lifeecho.conversations SET head_sequence = v_sequence, open_turns = open_turns - 1
          WHERE user_id = p_user AND conversation_id = p_conversation;
        answer.event_time := p_now;
        answer.event_sequences := ARRAY[v_sequence];
        answer.event_kinds := '{20}'::smallint[];
        answer.event_turns := ARRAY[p_turn];
        answer.event_requests := ARRAY[coalesce(v_turn.request_id, '')];
        answer.event_payloads := ARRAY[v_payload::text];
        answer.outcome := 'ok';
        IF v_conversation.open_turns > 1 THEN
          answer := lifeecho.with_next_turn(answer, p_user, p_conversation, v_conversation.stage, v_sequence, p_server,
            p_lease_ms, p_now, p_history);
        END IF;
      END $$;

      -- A failed turn runs again, or waits its turn; any other is reported as it is.
      -- Outcomes: ok, user_unknown, forbidden, unknown, deleted, turn_unknown.
      CREATE FUNCTION lifeecho.retry_turn(
        p_user text, p_conversation text, p_turn text, p_server text, p_lease_ms bigint, p_now timestamptz,
        p_history bigint, OUT answer lifeecho.turn_answer
      ) LANGUAGE plpgsql SET enable_seqscan = off AS $$
      DECLARE
        v_conversation record;
        v_exhausted boolean;
      BEGIN
        SELECT head_sequence, log_epoch, stage, open_turns, deleted_at INTO v_conversation
          FROM lifeecho.conversations WHERE user_id = p_user AND conversation_id = p_conversation FOR NO KEY UPDATE;
        IF NOT FOUND THEN
          answer.outcome := lifeecho.absence(p_user, p_conversation);
          RETURN;
        END IF;
        IF v_conversation.deleted_at IS NOT NULL THEN
          answer.outcome := 'deleted';
          RETURN;
        END IF;
        SELECT state, attempt, failure = 'ATTEMPTS_EXHAUSTED' INTO answer.turn_state, answer.attempt, v_exhausted
          FROM lifeecho.turns WHERE user_id = p_user AND conversation_id = p_conversation AND turn_id = p_turn;
        IF NOT FOUND THEN
          answer.outcome := 'turn_unknown';
          RETURN;
        END IF;
        answer.outcome := 'ok';
        answer.log_epoch := v_conversation.log_epoch;
        answer.turn_id := p_turn;
        IF answer.turn_state <> 'failed' OR v_exhausted THEN
          RETURN;
        END IF;
        UPDATE lifeecho.turns
          SET state = 'queued', lease_owner = NULL, end_sequence = NULL, failure = NULL, ended_at = NULL
          WHERE user_id = p_user AND conversation_id = p_conversation AND turn_id = p_turn;
        UPDATE lifeecho.conversations
          SET open_turns = open_turns + 1, head_sequence = head_sequence + CASE WHEN open_turns = 0 THEN 1 ELSE 0 END
          WHERE user_id = p_user AND conversation_id = p_conversation;
        answer.turn_state := 'queued';
        IF v_conversation.open_turns = 0 THEN
          answer := lifeecho.with_started_turn(answer, p_user, p_conversation, p_turn, v_conversation.stage,
            v_conversation.head_sequence + 1, p_server, p_lease_ms, p_now, p_history);
          answer.turn_state := 'running';
          answer.attempt := answer.leased_attempt;
        END IF;
      END $$;
      """#)
}
