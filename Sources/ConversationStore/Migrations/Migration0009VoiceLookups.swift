extension Migration {
  /// Reading voice sessions, listening feedback, Transcribe's allowance, and what EndConversation does to speech.
  static let voiceLookupsSQL =
    #"""
      -- Outcomes: ok, duplicate (of the request, or ended already; the sequence is that of the event), reused,
      -- user_unknown, forbidden, unknown, deleted.
      CREATE OR REPLACE FUNCTION lifeecho.end_conversation(
        p_user text, p_conversation text, p_request text, p_digest bytea, p_now timestamptz,
        OUT answer lifeecho.turn_answer
      ) LANGUAGE plpgsql SET enable_seqscan = off AS $$
      DECLARE
        v_conversation record;
        v_original record;
      BEGIN
        SELECT head_sequence, log_epoch, status, ended_sequence, deleted_at INTO v_conversation
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
        answer.sequence := coalesce(v_conversation.ended_sequence, v_conversation.head_sequence + 1);
        IF p_request IS NOT NULL THEN
          INSERT INTO lifeecho.requests (user_id, method, request_id, digest, conversation_id, sequence, created_at)
            VALUES (p_user, 'end_conversation', p_request, p_digest, p_conversation, answer.sequence, p_now)
            ON CONFLICT DO NOTHING;
          IF NOT FOUND THEN
            SELECT digest, sequence INTO v_original FROM lifeecho.requests
              WHERE user_id = p_user AND method = 'end_conversation' AND request_id = p_request;
            IF v_original.digest IS DISTINCT FROM p_digest THEN
              answer.outcome := 'reused';
            ELSE
              answer.outcome := 'duplicate';
              answer.sequence := v_original.sequence;
            END IF;
            RETURN;
          END IF;
        END IF;
        IF v_conversation.status = 'ended' THEN
          answer.outcome := 'duplicate';
          RETURN;
        END IF;
        INSERT INTO lifeecho.events (user_id, conversation_id, sequence, kind, request_id, payload, create_time)
          VALUES (p_user, p_conversation, answer.sequence, 23, p_request, '{}', p_now);
        UPDATE lifeecho.conversations
          SET head_sequence = answer.sequence, status = 'ended', ended_at = p_now, ended_sequence = answer.sequence
          WHERE user_id = p_user AND conversation_id = p_conversation;
        UPDATE lifeecho.memoir_outbox SET flush_requested = true
          WHERE user_id = p_user AND conversation_id = p_conversation AND batch_id IS NULL AND NOT flush_requested;
        -- What is being said goes to the memoir; nobody answers it any more.
        UPDATE lifeecho.voice_sessions SET is_abandoned = true, state = 'abandoned', due_at = p_now
          WHERE user_id = p_user AND conversation_id = p_conversation AND due_at IS NOT NULL;
        answer.outcome := 'ok';
        answer.event_time := p_now;
        answer.event_sequences := ARRAY[answer.sequence];
        answer.event_kinds := '{23}'::smallint[];
        answer.event_turns := '{""}';
        answer.event_requests := ARRAY[coalesce(p_request, '')];
        answer.event_payloads := '{"{}"}';
      END $$;

      -- The newest generation, or one by its number.
      -- Outcomes: ok, voice_session_unknown, user_unknown, forbidden, unknown, deleted.
      CREATE FUNCTION lifeecho.voice_session(
        p_user text, p_conversation text, p_session text, p_generation bigint, OUT outcome text,
        OUT found_generation integer, OUT session_state text, OUT durable_through integer, OUT later_from integer[],
        OUT later_to integer[], OUT message_id text, OUT duration_ms bigint
      ) LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
      #variable_conflict use_column
      DECLARE
        v lifeecho.voice_sessions;
      BEGIN
        outcome := lifeecho.conversation_status(p_user, p_conversation);
        IF outcome <> 'ok' THEN
          RETURN;
        END IF;
        SELECT * INTO v FROM lifeecho.voice_sessions
          WHERE user_id = p_user AND conversation_id = p_conversation AND session_id = p_session
            AND (p_generation = 0 OR generation = p_generation)
          ORDER BY generation DESC LIMIT 1;
        IF NOT FOUND THEN
          outcome := 'voice_session_unknown';
          RETURN;
        END IF;
        found_generation := v.generation;
        session_state := v.state;
        durable_through := v.durable_through;
        SELECT array_agg(lower(r)), array_agg(upper(r)) INTO later_from, later_to
          FROM (SELECT r FROM unnest(v.later) r LIMIT 65) listed;
        message_id := v.message_id;
        duration_ms := v.duration_ms;
      END $$;

      -- A recording has begun, which creates the conversation. The same recording begun again, on another connection,
      -- keeps its time. wait_ms: until the feedback; null: it was given, or the last segment is there.
      -- Outcomes: ok, user_unknown, forbidden, deleted.
      CREATE FUNCTION lifeecho.arm_feedback(
        p_user text, p_conversation text, p_session text, p_delay_ms bigint, p_now timestamptz,
        OUT outcome text, OUT armed_generation integer, OUT wait_ms bigint
      ) LANGUAGE plpgsql SET enable_seqscan = off AS $$
      DECLARE
        v_status text := lifeecho.conversation_status(p_user, p_conversation);
        v_session record;
        v_armed record;
      BEGIN
        outcome := 'ok';
        IF v_status = 'unknown' THEN
          v_status := lifeecho.create_conversation(p_user, p_conversation, p_now);
        END IF;
        IF v_status IN ('user_unknown', 'forbidden', 'deleted') THEN
          outcome := v_status;
          RETURN;
        END IF;
        SELECT s.generation, s.state, s.last_index INTO v_session FROM lifeecho.voice_sessions s
          WHERE s.user_id = p_user AND s.conversation_id = p_conversation AND s.session_id = p_session
          ORDER BY s.generation DESC LIMIT 1;
        -- After the end, the id stands for the next recording.
        armed_generation := CASE WHEN NOT FOUND THEN 1
          WHEN v_session.state IN ('recording', 'transcribing') THEN v_session.generation
          ELSE v_session.generation + 1 END;
        INSERT INTO lifeecho.listening_feedback AS f (user_id, conversation_id, session_id, generation, armed_at)
          VALUES (p_user, p_conversation, p_session, armed_generation, p_now)
          ON CONFLICT (user_id, conversation_id, session_id, generation) DO UPDATE SET armed_at = f.armed_at
          RETURNING f.armed_at, f.fired_at INTO v_armed;
        IF v_armed.fired_at IS NULL AND (v_session.state IS DISTINCT FROM 'transcribing') THEN
          wait_ms := greatest(0, (lifeecho.microseconds(v_armed.armed_at) - lifeecho.microseconds(p_now)) / 1000
            + p_delay_ms);
        END IF;
      END $$;

      -- True for the one caller that gives the feedback now.
      CREATE FUNCTION lifeecho.fire_feedback(
        p_user text, p_conversation text, p_session text, p_generation bigint, p_now timestamptz, OUT fires boolean
      ) LANGUAGE plpgsql SET enable_seqscan = off AS $$
      BEGIN
        UPDATE lifeecho.listening_feedback f SET fired_at = p_now
          WHERE f.user_id = p_user AND f.conversation_id = p_conversation AND f.session_id = p_session
            AND f.generation = p_generation AND f.fired_at IS NULL
            AND NOT EXISTS (
              SELECT 1 FROM lifeecho.voice_sessions s
                WHERE s.user_id = p_user AND s.conversation_id = p_conversation AND s.session_id = p_session
                  AND s.generation = p_generation AND s.state <> 'recording')
            AND lifeecho.conversation_status(p_user, p_conversation) = 'ok';
        fires := FOUND;
      END $$;

      -- Charges one call of Transcribe, unless the hour's calls or minutes are used up.
      -- Outcomes: ok, rate_limited (with the time until the next hour), user_unknown.
      CREATE FUNCTION lifeecho.admit_transcription(
        p_user text, p_speech_ms bigint, p_calls_max bigint, p_speech_max_ms bigint, p_now timestamptz,
        OUT outcome text, OUT wait_ms bigint
      ) LANGUAGE plpgsql SET enable_seqscan = off AS $$
      DECLARE
        v_start timestamptz;
      BEGIN
        -- An erasure waits for this lock.
        PERFORM 1 FROM lifeecho.users WHERE user_id = p_user FOR KEY SHARE;
        IF NOT FOUND THEN
          outcome := 'user_unknown';
          RETURN;
        END IF;
        INSERT INTO lifeecho.transcription_usage AS u (user_id, hour_start, calls, speech_ms)
          SELECT p_user, p_now, 1, p_speech_ms WHERE p_speech_ms <= p_speech_max_ms AND p_calls_max > 0
          ON CONFLICT (user_id) DO UPDATE
            SET calls = CASE WHEN u.hour_start <= p_now - interval '1 hour' THEN 1 ELSE u.calls + 1 END,
              speech_ms = CASE WHEN u.hour_start <= p_now - interval '1 hour' THEN p_speech_ms
                ELSE u.speech_ms + p_speech_ms END,
              hour_start = CASE WHEN u.hour_start <= p_now - interval '1 hour' THEN p_now ELSE u.hour_start END
            WHERE u.hour_start <= p_now - interval '1 hour'
              OR (u.calls < p_calls_max AND u.speech_ms + p_speech_ms <= p_speech_max_ms);
        IF FOUND THEN
          outcome := 'ok';
          RETURN;
        END IF;
        outcome := 'rate_limited';
        SELECT hour_start INTO v_start FROM lifeecho.transcription_usage WHERE user_id = p_user;
        wait_ms := greatest(1000, 3600000
          - (lifeecho.microseconds(p_now) - lifeecho.microseconds(coalesce(v_start, p_now))) / 1000);
      END $$;

      -- Deletes the audio of sessions whose time is over, at most p_limit sessions, and forgotten feedback.
      CREATE FUNCTION lifeecho.prune_audio(p_now timestamptz, p_limit bigint, OUT pruned bigint)
      LANGUAGE plpgsql SET enable_seqscan = off AS $$
      BEGIN
        WITH over AS (
          SELECT user_id, conversation_id, session_id, generation FROM lifeecho.voice_sessions
            WHERE audio_expires_at <= p_now ORDER BY audio_expires_at LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED
        ), marked AS (
          UPDATE lifeecho.voice_sessions s SET audio_expires_at = NULL FROM over o
            WHERE s.user_id = o.user_id AND s.conversation_id = o.conversation_id AND s.session_id = o.session_id
              AND s.generation = o.generation
            RETURNING s.user_id, s.conversation_id, s.session_id, s.generation
        ), emptied AS (
          UPDATE lifeecho.audio_segments a SET content = NULL FROM marked m
            WHERE a.user_id = m.user_id AND a.conversation_id = m.conversation_id AND a.session_id = m.session_id
              AND a.generation = m.generation AND a.content IS NOT NULL
        )
        SELECT count(*) INTO pruned FROM marked;
        DELETE FROM lifeecho.listening_feedback WHERE armed_at < p_now - interval '30 days';
      END $$;
    """#
}
