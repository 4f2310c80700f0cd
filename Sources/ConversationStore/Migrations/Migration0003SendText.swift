extension Migration {
  /// A user message.
  static let sendText = Migration(
    version: 3, name: "send_text",
    sql: #"""
      -- A user's message: request, quota, message, event, turn, outbox; the turn is leased at once when none is open.
      -- Outcomes: ok, duplicate, user_unknown, forbidden, deleted, reused, quota. A refusal leaves nothing behind.
      CREATE FUNCTION lifeecho.send_text(
        p_user text, p_conversation text, p_text text, p_trimmed text, p_request text, p_digest bytea, p_chip text,
        p_client_time timestamptz, p_message text, p_turn text, p_server text, p_lease_ms bigint, p_now timestamptz,
        p_limits bigint[], p_history bigint, OUT answer lifeecho.turn_answer
      ) LANGUAGE plpgsql SET enable_seqscan = off AS $$
      DECLARE
        v_conversation record;
        v_person record;
        v_original record;
        v_creation text := '';
        v_day date;
        v_chip text := p_chip;
        v_head bigint;
        v_ordinal integer;
        v_starts boolean;
        v_history_agent boolean[];
        v_history_texts text[];
        v_payload jsonb;
        v_started jsonb;
      BEGIN
        LOOP
          SELECT head_sequence, log_epoch, stage, last_message_at, turn_count, open_turns, last_chip_ids,
              last_chip_texts,
              awaits_profile_answer, deleted_at
            INTO v_conversation
            FROM lifeecho.conversations WHERE user_id = p_user AND conversation_id = p_conversation FOR NO KEY UPDATE;
          EXIT WHEN FOUND;
          IF v_creation = 'exists' THEN
            answer.outcome := 'user_unknown';
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
        SELECT u.nickname, u.birth_year, u.birth_place, u.grew_up_place, u.occupation, u.declined, u.time_zone, u.tier,
            u.day_zone, m.state, m.version
          INTO v_person
          FROM lifeecho.users u LEFT JOIN lifeecho.memoir_state m ON m.user_id = u.user_id WHERE u.user_id = p_user;
        answer.log_epoch := v_conversation.log_epoch;
        v_head := v_conversation.head_sequence;

        IF p_request IS NOT NULL THEN
          INSERT INTO lifeecho.requests
              (user_id, method, request_id, digest, conversation_id, message_id, turn_id, sequence, created_at)
            VALUES (p_user, 'send_text', p_request, p_digest, p_conversation, p_message, p_turn, v_head + 1, p_now)
            ON CONFLICT DO NOTHING;
          IF NOT FOUND THEN
            SELECT r.digest, r.message_id, r.turn_id, r.sequence, t.state
              INTO v_original
              FROM lifeecho.requests r
              LEFT JOIN lifeecho.turns t
                ON t.user_id = r.user_id AND t.conversation_id = r.conversation_id AND t.turn_id = r.turn_id
              WHERE r.user_id = p_user AND r.method = 'send_text' AND r.request_id = p_request;
            IF v_creation = 'created' THEN
              PERFORM lifeecho.discard_conversation(p_user, p_conversation);
            END IF;
            IF v_original.digest IS DISTINCT FROM p_digest THEN
              answer.outcome := 'reused';
              RETURN;
            END IF;
            answer.outcome := 'duplicate';
            answer.message_id := v_original.message_id;
            answer.turn_id := v_original.turn_id;
            answer.sequence := v_original.sequence;
            answer.turn_state := coalesce(v_original.state, 'failed');
            SELECT (q).turns_limit, (q).turns_used, (q).speech_limit_ms, (q).speech_used_ms, (q).reset_time
              INTO answer.turns_limit, answer.turns_used, answer.speech_limit_ms, answer.speech_used_ms,
                  answer.reset_time
              FROM lifeecho.quota_now(p_user, v_person.tier, v_person.day_zone, p_limits, p_now) q;
            RETURN;
          END IF;
        END IF;

        IF v_person.tier = 'premium' THEN
          answer.turns_limit := p_limits[3];
          answer.speech_limit_ms := p_limits[4];
        ELSE
          answer.turns_limit := p_limits[1];
          answer.speech_limit_ms := p_limits[2];
        END IF;
        v_day := (p_now AT TIME ZONE v_person.day_zone)::date;
        answer.reset_time := lifeecho.day_end(v_day, v_person.day_zone);
        -- The message is the turn that is charged, so what would be reserved is committed with it.
        INSERT INTO lifeecho.quota_usage AS q (user_id, day, turns_used) SELECT p_user, v_day,
            1 WHERE answer.turns_limit > 0
          ON CONFLICT (user_id, day) DO UPDATE SET turns_used = q.turns_used + 1
            WHERE q.turns_used + q.turns_reserved < answer.turns_limit
          RETURNING q.turns_used + q.turns_reserved, q.speech_used_ms + q.speech_reserved_ms
          INTO answer.turns_used, answer.speech_used_ms;
        IF NOT FOUND THEN
          SELECT q.turns_used + q.turns_reserved, q.speech_used_ms + q.speech_reserved_ms
            INTO answer.turns_used, answer.speech_used_ms
            FROM lifeecho.quota_usage q WHERE q.user_id = p_user AND q.day = v_day;
          answer.turns_used := coalesce(answer.turns_used, 0);
          answer.speech_used_ms := coalesce(answer.speech_used_ms, 0);
          DELETE FROM lifeecho.requests WHERE user_id = p_user AND method = 'send_text' AND request_id = p_request;
          IF v_creation = 'created' THEN
            PERFORM lifeecho.discard_conversation(p_user, p_conversation);
          END IF;
          answer.outcome := 'quota';
          RETURN;
        END IF;

        IF v_chip IS NULL AND v_conversation.last_chip_texts IS NOT NULL THEN
          v_chip := v_conversation.last_chip_ids[array_position(v_conversation.last_chip_texts, p_trimmed)];
        END IF;
        v_ordinal := v_conversation.turn_count + 1;
        v_starts := v_conversation.open_turns = 0;
        IF v_starts AND v_conversation.last_message_at IS NOT NULL THEN
          SELECT array_agg(h.agent ORDER BY h.place DESC), array_agg(h.said ORDER BY h.place DESC)
            INTO v_history_agent, v_history_texts
            FROM (
              SELECT m.role = 'agent' AS agent, array_to_string(m.pieces, E'\n') AS said,
                  m.turn_ordinal * 1000000000000 + m.sequence AS place
                FROM lifeecho.messages m
                WHERE m.user_id = p_user AND m.conversation_id = p_conversation
                ORDER BY m.sequence DESC LIMIT p_history
            ) h;
        END IF;

        INSERT INTO lifeecho.messages (user_id, conversation_id, sequence, message_id, role, source, pieces, turn_id,
            turn_ordinal, chip_id, create_time)
          VALUES (p_user, p_conversation, v_head + 1, p_message, 'user', CASE WHEN v_chip IS NULL
              THEN 'text' ELSE 'chip' END,
            ARRAY[p_text], p_turn, v_ordinal, v_chip, p_now);
        v_payload := jsonb_build_object('message_id', p_message, 'text', p_text);
        IF v_chip IS NOT NULL THEN
          v_payload := v_payload || jsonb_build_object('source', 'chip', 'chip_id', v_chip);
        END IF;
        IF p_client_time IS NOT NULL THEN
          v_payload := v_payload || jsonb_build_object('client_time', lifeecho.microseconds(p_client_time));
        END IF;
        IF v_starts THEN
          v_started := jsonb_build_object('kind', 'reply', 'attempt', 1);
          INSERT INTO lifeecho.events (user_id, conversation_id, sequence, kind, turn_id, request_id, payload,
              create_time)
            VALUES (p_user, p_conversation, v_head + 1, 16, p_turn, p_request, v_payload, p_now),
              (p_user, p_conversation, v_head + 2, 17, p_turn, p_request, v_started, p_now);
          INSERT INTO lifeecho.turns (user_id, conversation_id, turn_id, ordinal, kind, state, lease_owner,
              lease_number,
              lease_expires_at, attempt, request_id, message_sequence, created_at)
            VALUES (p_user, p_conversation, p_turn, v_ordinal, 'reply', 'running', p_server, 1,
              clock_timestamp() + p_lease_ms * interval '1 millisecond', 1, p_request, v_head + 1, p_now);
          answer := ROW('ok', v_conversation.log_epoch, p_now, ARRAY[v_head + 1, v_head + 2], '{16,17}',
              ARRAY[p_turn, p_turn],
            ARRAY[coalesce(p_request, ''), coalesce(p_request, '')], ARRAY[v_payload::text, v_started::text],
            v_head + 1, p_message, p_turn, 'reply', 'running', 1,
            answer.turns_limit, answer.turns_used, answer.speech_limit_ms, answer.speech_used_ms, answer.reset_time,
            p_user, p_conversation, p_turn, 'reply', 1, 1, p_request, p_message, p_text, v_chip,
            v_person.nickname, v_person.birth_year, v_person.birth_place, v_person.grew_up_place, v_person.occupation,
            v_person.declined, v_person.time_zone, coalesce(v_person.state, ''), coalesce(v_person.version, 0),
            v_conversation.stage, v_history_agent, v_history_texts, v_conversation.last_message_at, v_ordinal
            )::lifeecho.turn_answer;
        ELSE
          INSERT INTO lifeecho.events (user_id, conversation_id, sequence, kind, turn_id, request_id, payload,
              create_time)
            VALUES (p_user, p_conversation, v_head + 1, 16, p_turn, p_request, v_payload, p_now);
          INSERT INTO lifeecho.turns (user_id, conversation_id, turn_id, ordinal, kind, state, request_id,
              message_sequence,
              created_at)
            VALUES (p_user, p_conversation, p_turn, v_ordinal, 'reply', 'queued', p_request, v_head + 1, p_now);
          answer.outcome := 'ok';
          answer.event_time := p_now;
          answer.event_sequences := ARRAY[v_head + 1];
          answer.event_kinds := '{16}'::smallint[];
          answer.event_turns := ARRAY[p_turn];
          answer.event_requests := ARRAY[coalesce(p_request, '')];
          answer.event_payloads := ARRAY[v_payload::text];
          answer.sequence := v_head + 1;
          answer.message_id := p_message;
          answer.turn_id := p_turn;
          answer.turn_state := 'queued';
        END IF;

        IF v_chip IS NULL AND NOT v_conversation.awaits_profile_answer THEN
          INSERT INTO lifeecho.memoir_outbox (user_id, conversation_id, sequence, message_id, stage, characters,
              create_time)
            VALUES (p_user, p_conversation, v_head + 1, p_message, v_conversation.stage, char_length(p_text), p_now);
        END IF;
        UPDATE lifeecho.conversations
          SET head_sequence = v_head + CASE WHEN v_starts THEN 2 ELSE 1 END, message_count = message_count + 1,
            last_message_at = p_now, turn_count = v_ordinal, open_turns = open_turns + 1, last_chip_ids = NULL,
            last_chip_texts = NULL, awaits_profile_answer = false, status = 'active', ended_at = NULL,
                ended_sequence = NULL
          WHERE user_id = p_user AND conversation_id = p_conversation;
      END $$;
      """#)
}
