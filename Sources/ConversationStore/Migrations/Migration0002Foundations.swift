extension Migration {
  /// Answer types and the functions that commands share.
  static let foundations = Migration(
    version: 2, name: "foundations",
    sql: #"""
      -- What commands on turns answer. A column that a command has nothing to say in is null.
      CREATE TYPE lifeecho.turn_answer AS (
        outcome text,
        -- Appended events, in order; all of one time. '' stands for no turn and no request.
        log_epoch text,
        event_time timestamptz,
        event_sequences bigint[],
        event_kinds smallint[],
        event_turns text[],
        event_requests text[],
        event_payloads text[],
        -- The command's own results.
        sequence bigint,
        message_id text,
        turn_id text,
        turn_kind text,
        turn_state text,
        attempt bigint,
        -- The user's day.
        turns_limit bigint,
        turns_used bigint,
        speech_limit_ms bigint,
        speech_used_ms bigint,
        reset_time timestamptz,
        -- The turn that was leased to the caller.
        user_id text,
        conversation_id text,
        leased_turn text,
        leased_kind text,
        lease_number bigint,
        leased_attempt bigint,
        leased_request text,
        leased_message text,
        leased_text text,
        leased_chip text,
        -- What the turn depends on; the history is newest first, one text per message.
        nickname text,
        birth_year bigint,
        birth_place text,
        grew_up_place text,
        occupation text,
        declined text[],
        time_zone text,
        state text,
        state_version bigint,
        stage text,
        history_agent boolean[],
        history_texts text[],
        last_message_time timestamptz,
        ordinal bigint
      );

      CREATE TYPE lifeecho.quota AS (
        turns_limit bigint,
        turns_used bigint,
        speech_limit_ms bigint,
        speech_used_ms bigint,
        reset_time timestamptz
      );

      CREATE FUNCTION lifeecho.microseconds(p_time timestamptz) RETURNS bigint
      LANGUAGE sql STABLE PARALLEL SAFE RETURN (extract(epoch FROM p_time) * 1000000)::bigint;

      -- The first instant of the day after p_day.
      CREATE FUNCTION lifeecho.day_end(p_day date, p_zone text) RETURNS timestamptz
      LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
      DECLARE
        v_end timestamptz := (p_day + 1)::timestamp AT TIME ZONE p_zone;
      BEGIN
        -- Where clocks go back over midnight, the day's first hour comes twice and PostgreSQL names the second one.
        IF ((v_end - interval '1 hour') AT TIME ZONE p_zone)::date > p_day THEN
          RETURN v_end - interval '1 hour';
        END IF;
        RETURN v_end;
      END $$;

      -- p_limits: free turns, free speech (ms), premium turns, premium speech (ms).
      CREATE FUNCTION lifeecho.quota_now(p_user text, p_tier text, p_zone text, p_limits bigint[], p_now timestamptz)
      RETURNS lifeecho.quota LANGUAGE plpgsql STABLE AS $$
      DECLARE
        v_day date := (p_now AT TIME ZONE p_zone)::date;
        v_quota lifeecho.quota;
      BEGIN
        SELECT turns_used + turns_reserved, speech_used_ms + speech_reserved_ms
          INTO v_quota.turns_used, v_quota.speech_used_ms
          FROM lifeecho.quota_usage WHERE user_id = p_user AND day = v_day;
        v_quota.turns_used := coalesce(v_quota.turns_used, 0);
        v_quota.speech_used_ms := coalesce(v_quota.speech_used_ms, 0);
        v_quota.turns_limit := p_limits[CASE p_tier WHEN 'premium' THEN 3 ELSE 1 END];
        v_quota.speech_limit_ms := p_limits[CASE p_tier WHEN 'premium' THEN 4 ELSE 2 END];
        v_quota.reset_time := lifeecho.day_end(v_day, p_zone);
        RETURN v_quota;
      END $$;

      -- Why a user has no such conversation: user_unknown, forbidden, unknown.
      CREATE FUNCTION lifeecho.absence(p_user text, p_conversation text) RETURNS text
      LANGUAGE plpgsql STABLE AS $$
      BEGIN
        IF NOT EXISTS (SELECT 1 FROM lifeecho.users WHERE user_id = p_user) THEN
          RETURN 'user_unknown';
        END IF;
        IF EXISTS (SELECT 1 FROM lifeecho.conversation_owners WHERE conversation_id = p_conversation
            AND user_id <> p_user)
        THEN
          RETURN 'forbidden';
        END IF;
        RETURN 'unknown';
      END $$;

      -- ok, deleted, or why there is none.
      CREATE FUNCTION lifeecho.conversation_status(p_user text, p_conversation text) RETURNS text
      LANGUAGE plpgsql STABLE AS $$
      DECLARE
        v_deleted boolean;
      BEGIN
        SELECT deleted_at IS NOT NULL INTO v_deleted
          FROM lifeecho.conversations WHERE user_id = p_user AND conversation_id = p_conversation;
        IF NOT FOUND THEN
          RETURN lifeecho.absence(p_user, p_conversation);
        END IF;
        RETURN CASE WHEN v_deleted THEN 'deleted' ELSE 'ok' END;
      END $$;

      -- created; exists: the user's own, made meanwhile; forbidden: another user was first; user_unknown.
      -- The lock on the user lets an erasure wait for the new row and see it.
      CREATE FUNCTION lifeecho.create_conversation(p_user text, p_conversation text, p_now timestamptz) RETURNS text
      LANGUAGE plpgsql AS $$
      DECLARE
        v_owner text;
      BEGIN
        PERFORM 1 FROM lifeecho.users WHERE user_id = p_user FOR KEY SHARE;
        IF NOT FOUND THEN
          RETURN 'user_unknown';
        END IF;
        LOOP
          INSERT INTO lifeecho.conversation_owners (conversation_id, user_id) VALUES (p_conversation, p_user)
            ON CONFLICT DO NOTHING;
          IF FOUND THEN
            INSERT INTO lifeecho.conversations (user_id, conversation_id, log_epoch, started_at)
              VALUES (p_user, p_conversation, replace(gen_random_uuid()::text, '-', ''), p_now);
            RETURN 'created';
          END IF;
          SELECT user_id INTO v_owner FROM lifeecho.conversation_owners WHERE conversation_id = p_conversation;
          IF FOUND THEN
            RETURN CASE WHEN v_owner = p_user THEN 'exists' ELSE 'forbidden' END;
          END IF;
        END LOOP;
      END $$;

      -- Takes back what a refused command created.
      CREATE FUNCTION lifeecho.discard_conversation(p_user text, p_conversation text) RETURNS void
      LANGUAGE plpgsql AS $$
      BEGIN
        DELETE FROM lifeecho.conversations WHERE user_id = p_user AND conversation_id = p_conversation;
        DELETE FROM lifeecho.conversation_owners WHERE conversation_id = p_conversation AND user_id = p_user;
      END $$;

      -- Fills in what a turn depends on: the user, the interview state and what was said in earlier turns.
      -- The history is in the order of turns: a message that waited stands after the replies it waited for.
      CREATE FUNCTION lifeecho.with_context(
        answer lifeecho.turn_answer, p_user text, p_conversation text, p_stage text, p_ordinal bigint, p_history bigint
      ) RETURNS lifeecho.turn_answer LANGUAGE plpgsql STABLE AS $$
      BEGIN
        SELECT u.nickname, u.birth_year, u.birth_place, u.grew_up_place, u.occupation, u.declined, u.time_zone,
            coalesce(m.state, ''), coalesce(m.version, 0)
          INTO answer.nickname, answer.birth_year, answer.birth_place, answer.grew_up_place, answer.occupation,
            answer.declined, answer.time_zone, answer.state, answer.state_version
          FROM lifeecho.users u LEFT JOIN lifeecho.memoir_state m ON m.user_id = u.user_id WHERE u.user_id = p_user;
        SELECT array_agg(h.agent ORDER BY h.place DESC), array_agg(h.said ORDER BY h.place DESC), max(h.create_time)
          INTO answer.history_agent, answer.history_texts, answer.last_message_time
          FROM (
            SELECT m.role = 'agent' AS agent, array_to_string(m.pieces, E'\n') AS said, m.create_time,
                  m.turn_ordinal * 1000000000000 + m.sequence AS place
              FROM lifeecho.messages m
              WHERE m.user_id = p_user AND m.conversation_id = p_conversation AND m.turn_ordinal < p_ordinal
              ORDER BY m.sequence DESC LIMIT p_history
          ) h;
        answer.stage := p_stage;
        answer.ordinal := p_ordinal;
        RETURN answer;
      END $$;

      -- Leases a turn of a locked conversation: attempt + 1, a new lease number, TurnStarted at p_sequence, and its
      -- context.
      CREATE FUNCTION lifeecho.with_started_turn(
        answer lifeecho.turn_answer, p_user text, p_conversation text, p_turn text, p_stage text, p_sequence bigint,
        p_server text, p_lease_ms bigint, p_now timestamptz, p_history bigint
      ) RETURNS lifeecho.turn_answer LANGUAGE plpgsql AS $$
      DECLARE
        v_turn record;
        v_payload jsonb;
      BEGIN
        UPDATE lifeecho.turns
          SET state = 'running', lease_owner = p_server, lease_number = lease_number + 1, attempt = attempt + 1,
            lease_expires_at = clock_timestamp() + p_lease_ms * interval '1 millisecond'
          WHERE user_id = p_user AND conversation_id = p_conversation AND turn_id = p_turn
          RETURNING kind, ordinal, lease_number, attempt, request_id, message_sequence INTO v_turn;
        v_payload := jsonb_build_object('kind', v_turn.kind, 'attempt', v_turn.attempt);
        INSERT INTO lifeecho.events (user_id, conversation_id, sequence, kind, turn_id, request_id, payload,
            create_time)
          VALUES (p_user, p_conversation, p_sequence, 17, p_turn, v_turn.request_id, v_payload, p_now);
        answer.event_time := p_now;
        answer.event_sequences := answer.event_sequences || p_sequence;
        answer.event_kinds := answer.event_kinds || 17::smallint;
        answer.event_turns := answer.event_turns || p_turn;
        answer.event_requests := answer.event_requests || coalesce(v_turn.request_id, '');
        answer.event_payloads := answer.event_payloads || v_payload::text;
        answer.user_id := p_user;
        answer.conversation_id := p_conversation;
        answer.leased_turn := p_turn;
        answer.leased_kind := v_turn.kind;
        answer.lease_number := v_turn.lease_number;
        answer.leased_attempt := v_turn.attempt;
        answer.leased_request := v_turn.request_id;
        IF v_turn.message_sequence IS NOT NULL THEN
          SELECT message_id, pieces[1], chip_id INTO answer.leased_message, answer.leased_text, answer.leased_chip
            FROM lifeecho.messages
            WHERE user_id = p_user AND conversation_id = p_conversation AND sequence = v_turn.message_sequence;
        END IF;
        RETURN lifeecho.with_context(answer, p_user, p_conversation, p_stage, v_turn.ordinal, p_history);
      END $$;
      """#)
}
