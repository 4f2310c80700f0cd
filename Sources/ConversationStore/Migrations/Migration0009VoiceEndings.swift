extension Migration {
  /// How voice sessions end.
  static let voiceEndingsSQL =
    #"""
      -- Sessions that somebody should look at, longest due first.
      CREATE FUNCTION lifeecho.due_voice_sessions(p_now timestamptz, p_limit bigint)
      RETURNS TABLE (user_id text, conversation_id text, session_id text, generation integer)
      LANGUAGE sql STABLE AS $$
        SELECT user_id, conversation_id, session_id, generation FROM lifeecho.voice_sessions
          WHERE due_at <= p_now ORDER BY due_at LIMIT p_limit;
      $$;

      -- What was said, in the order of the indices; `……` where something is missing, none twice in a row. Western
      -- words get a space between segments. p_last: null when the end is not known.
      CREATE FUNCTION lifeecho.joined_transcript(
        p_user text, p_conversation text, p_session text, p_generation integer, p_last integer,
        OUT said text, OUT missing integer[], OUT failed integer[], OUT failure text
      ) LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
      DECLARE
        v record;
        v_next integer := 0;
        v_text text := '';
        v_has_words boolean := false;
      BEGIN
        missing := '{}';
        failed := '{}';
        FOR v IN
          SELECT s.index, btrim(coalesce(s.transcript, ''), E' \t\r\n　') AS words, s.failure
            FROM lifeecho.audio_segments s
            WHERE s.user_id = p_user AND s.conversation_id = p_conversation AND s.session_id = p_session
              AND s.generation = p_generation
            ORDER BY s.index
        LOOP
          IF v.index > v_next THEN
            missing := missing || ARRAY(SELECT generate_series(v_next, v.index - 1));
            v_text := CASE WHEN v_text LIKE '%……' THEN v_text ELSE v_text || '……' END;
          END IF;
          v_next := v.index + 1;
          IF v.failure IS NOT NULL THEN
            failed := failed || v.index;
            -- An engine that is not there is said before one that failed.
            failure := CASE WHEN failure = 'ENGINE_MISSING' THEN failure ELSE v.failure END;
            v_text := CASE WHEN v_text LIKE '%……' THEN v_text ELSE v_text || '……' END;
          ELSIF v.words <> '' THEN
            v_has_words := true;
            v_text := v_text || CASE WHEN v_text ~ '[[:alnum:],.!?]$' AND v_text ~ '[ -~]$' AND v.words ~ '^[!-~]'
              THEN ' ' ELSE '' END || v.words;
          END IF;
        END LOOP;
        IF p_last >= v_next THEN
          missing := missing || ARRAY(SELECT generate_series(v_next, p_last));
          v_text := CASE WHEN v_text LIKE '%……' THEN v_text ELSE v_text || '……' END;
        END IF;
        said := CASE WHEN v_has_words THEN v_text ELSE '' END;
      END $$;

      -- Appends one event to what a command of a locked conversation answers.
      CREATE FUNCTION lifeecho.with_event(
        answer lifeecho.turn_answer, p_user text, p_conversation text, p_sequence bigint, p_kind smallint,
        p_turn text, p_payload jsonb, p_now timestamptz
      ) RETURNS lifeecho.turn_answer LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO lifeecho.events (user_id, conversation_id, sequence, kind, turn_id, payload, create_time)
          VALUES (p_user, p_conversation, p_sequence, p_kind, p_turn, p_payload, p_now);
        answer.event_time := p_now;
        answer.event_sequences := answer.event_sequences || p_sequence;
        answer.event_kinds := answer.event_kinds || p_kind;
        answer.event_turns := answer.event_turns || coalesce(p_turn, '');
        answer.event_requests := answer.event_requests || ''::text;
        answer.event_payloads := answer.event_payloads || p_payload::text;
        RETURN answer;
      END $$;

      -- Ends a session that has nothing left to wait for: one user message and its turn, or a failure. Otherwise says
      -- when to look again. p_bounds: silence that abandons a session, patience with gaps, how long audio is kept after
      -- its recognition and after a failed one (all ms). p_engine_missing: nobody will recognise what waits.
      -- Outcomes: ok, not_due, fenced (it has ended, or the conversation is gone).
      CREATE FUNCTION lifeecho.finish_voice_session(
        p_user text, p_conversation text, p_session text, p_generation bigint, p_message text, p_turn text,
        p_server text, p_lease_ms bigint, p_now timestamptz, p_bounds bigint[], p_history bigint,
        p_engine_missing boolean, OUT answer lifeecho.turn_answer
      ) LANGUAGE plpgsql SET enable_seqscan = off AS $$
      DECLARE
        v_conversation record;
        v lifeecho.voice_sessions;
        v_joined record;
        v_head bigint;
        v_payload jsonb;
        v_again timestamptz;
        v_record_time timestamptz;
        v_timings jsonb;
        v_reason text;
        v_turn text;
        v_ordinal integer;
        v_starts boolean;
        v_expiry timestamptz;
      BEGIN
        SELECT head_sequence, log_epoch, stage, status, turn_count, open_turns, awaits_profile_answer, deleted_at
          INTO v_conversation
          FROM lifeecho.conversations WHERE user_id = p_user AND conversation_id = p_conversation FOR NO KEY UPDATE;
        IF NOT FOUND OR v_conversation.deleted_at IS NOT NULL THEN
          answer.outcome := 'fenced';
          RETURN;
        END IF;
        SELECT * INTO v FROM lifeecho.voice_sessions
          WHERE user_id = p_user AND conversation_id = p_conversation AND session_id = p_session
            AND generation = p_generation FOR NO KEY UPDATE;
        IF NOT FOUND OR v.due_at IS NULL THEN
          answer.outcome := 'fenced';
          RETURN;
        END IF;

        IF v.last_index IS NULL AND NOT v.is_abandoned THEN
          v_again := v.updated_at + p_bounds[1] * interval '1 millisecond';
          v.is_abandoned := v_again <= p_now;
        END IF;
        IF v.last_index IS NOT NULL AND NOT v.is_abandoned AND v.durable_through < v.last_index THEN
          v_again := v.last_at + p_bounds[2] * interval '1 millisecond';
        END IF;
        IF p_engine_missing AND v.open_segments > 0 AND (v_again > p_now) IS NOT TRUE THEN
          UPDATE lifeecho.audio_segments SET is_open = false, failure = 'ENGINE_MISSING'
            WHERE user_id = p_user AND conversation_id = p_conversation AND session_id = p_session
              AND generation = p_generation AND is_open;
          v.open_segments := 0;
        END IF;
        -- The last recognition calls again; this is for one that never ends.
        IF v.open_segments > 0 THEN
          v_again := greatest(v_again, p_now + interval '1 minute');
        END IF;
        IF v_again > p_now THEN
          UPDATE lifeecho.voice_sessions
            SET due_at = v_again, is_abandoned = v.is_abandoned,
              state = CASE WHEN v.is_abandoned THEN 'abandoned' ELSE v.state END
            WHERE user_id = p_user AND conversation_id = p_conversation AND session_id = p_session
              AND generation = p_generation;
          answer.outcome := 'not_due';
          RETURN;
        END IF;

        v_joined := lifeecho.joined_transcript(p_user, p_conversation, p_session, v.generation,
          CASE WHEN v.is_abandoned THEN NULL ELSE v.last_index END);
        v_head := v_conversation.head_sequence;
        answer.log_epoch := v_conversation.log_epoch;
        v_reason := coalesce(v_joined.failure,
          CASE WHEN v_joined.said = '' THEN 'NO_SPEECH'
            WHEN cardinality(v_joined.missing) > 0 THEN 'SEGMENTS_MISSING' END);
        v_payload := jsonb_build_object('voice_session_id', p_session, 'generation', v.generation,
          'reason', v_reason, 'retryable', v_reason LIKE 'ENGINE%', 'indices',
          CASE WHEN v_joined.said = '' THEN '[]'::jsonb ELSE to_jsonb(ARRAY(
            SELECT i FROM unnest(v_joined.missing || v_joined.failed) i ORDER BY i)) END);
        v_expiry := p_now + p_bounds[CASE WHEN v_reason LIKE 'ENGINE%' THEN 4 ELSE 3 END] * interval '1 millisecond';

        IF v_joined.said = '' THEN
          v_head := v_head + 1;
          answer := lifeecho.with_event(answer, p_user, p_conversation, v_head, 21::smallint, NULL, v_payload, p_now);
          UPDATE lifeecho.conversations SET head_sequence = v_head
            WHERE user_id = p_user AND conversation_id = p_conversation;
          UPDATE lifeecho.quota_usage SET turns_reserved = greatest(0, turns_reserved - 1)
            WHERE user_id = p_user AND day = v.quota_day;
          UPDATE lifeecho.voice_sessions
            SET state = 'failed', is_abandoned = v.is_abandoned, due_at = NULL, audio_expires_at = v_expiry,
              open_segments = 0
            WHERE user_id = p_user AND conversation_id = p_conversation AND session_id = p_session
              AND generation = p_generation;
          answer.outcome := 'ok';
          RETURN;
        END IF;

        v_starts := NOT v.is_abandoned AND v_conversation.open_turns = 0;
        v_turn := CASE WHEN NOT v.is_abandoned THEN p_turn END;
        v_ordinal := v_conversation.turn_count + CASE WHEN v.is_abandoned THEN 0 ELSE 1 END;
        SELECT min(record_time) FILTER (WHERE index = 0), jsonb_build_object(
              'received', lifeecho.microseconds(min(received_at)), 'durable', lifeecho.microseconds(max(stored_at)),
              'recognised', lifeecho.microseconds(max(recognized_at)))
          INTO v_record_time, v_timings FROM lifeecho.audio_segments
          WHERE user_id = p_user AND conversation_id = p_conversation AND session_id = p_session
            AND generation = p_generation;
        INSERT INTO lifeecho.messages (user_id, conversation_id, sequence, message_id, role, source, pieces, turn_id,
            turn_ordinal, create_time, voice_session_id)
          VALUES (p_user, p_conversation, v_head + 1, p_message, 'user', 'voice', ARRAY[v_joined.said], v_turn,
            v_ordinal, p_now, p_session);
        answer.message_id := p_message;
        answer.sequence := v_head + 1;
        answer := lifeecho.with_event(answer, p_user, p_conversation, v_head + 1, 16::smallint, v_turn,
          jsonb_strip_nulls(jsonb_build_object('message_id', p_message, 'text', v_joined.said, 'source', 'voice',
            'voice_session_id', p_session, 'audio_duration_ms', v.duration_ms,
            'client_time', lifeecho.microseconds(v_record_time), 'timings', v_timings)), p_now);
        v_head := v_head + 1;
        IF v_reason IS NOT NULL THEN
          v_head := v_head + 1;
          answer := lifeecho.with_event(answer, p_user, p_conversation, v_head, 21::smallint, v_turn, v_payload,
            p_now);
        END IF;
        IF NOT v.is_abandoned THEN
          INSERT INTO lifeecho.turns (user_id, conversation_id, turn_id, ordinal, kind, state, message_sequence,
              created_at)
            VALUES (p_user, p_conversation, p_turn, v_ordinal, 'reply', 'queued', answer.sequence, p_now);
          IF v_starts THEN
            v_head := v_head + 1;
            answer := lifeecho.with_started_turn(answer, p_user, p_conversation, p_turn, v_conversation.stage, v_head,
              p_server, p_lease_ms, p_now, p_history);
          END IF;
        END IF;
        IF v.is_abandoned OR NOT v_conversation.awaits_profile_answer THEN
          INSERT INTO lifeecho.memoir_outbox (user_id, conversation_id, sequence, message_id, stage, characters,
              flush_requested, create_time)
            VALUES (p_user, p_conversation, answer.sequence, p_message, v_conversation.stage,
              char_length(v_joined.said), v.is_abandoned AND v_conversation.status = 'ended', p_now);
        END IF;
        IF v.is_abandoned THEN
          UPDATE lifeecho.conversations
            SET head_sequence = v_head, message_count = message_count + 1,
              last_message_at = greatest(last_message_at, v.updated_at)
            WHERE user_id = p_user AND conversation_id = p_conversation;
        ELSE
          UPDATE lifeecho.conversations
            SET head_sequence = v_head, message_count = message_count + 1, last_message_at = p_now,
              turn_count = v_ordinal, open_turns = open_turns + 1, last_chip_ids = NULL, last_chip_texts = NULL,
              awaits_profile_answer = false, status = 'active', ended_at = NULL, ended_sequence = NULL
            WHERE user_id = p_user AND conversation_id = p_conversation;
        END IF;
        UPDATE lifeecho.quota_usage
          SET turns_reserved = greatest(0, turns_reserved - 1), turns_used = turns_used + 1,
            speech_used_ms = speech_used_ms + v.charged_ms
          WHERE user_id = p_user AND day = v.quota_day;
        UPDATE lifeecho.voice_sessions
          SET state = CASE WHEN v.is_abandoned THEN 'abandoned' ELSE 'completed' END, is_abandoned = v.is_abandoned,
            due_at = NULL, audio_expires_at = v_expiry, message_id = p_message, open_segments = 0
          WHERE user_id = p_user AND conversation_id = p_conversation AND session_id = p_session
            AND generation = p_generation;
        answer.outcome := 'ok';
      END $$;
    """#
}
