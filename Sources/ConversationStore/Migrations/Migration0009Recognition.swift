extension Migration {
  /// Segments as jobs of the recognition workers.
  static let recognitionSQL =
    #"""
      -- Leases segments that wait, oldest first, and hands out their audio. Another server's are taken when its lease
      -- has ended, or, when p_alone, at once.
      CREATE FUNCTION lifeecho.claim_segments(
        p_server text, p_alone boolean, p_lease_ms bigint, p_limit bigint, p_now timestamptz
      ) RETURNS TABLE (user_id text, conversation_id text, session_id text, generation integer, index integer,
        lease_number bigint, attempts integer, failures integer, format text, duration_ms bigint,
        stored_at timestamptz, content bytea)
      LANGUAGE plpgsql SET enable_seqscan = off AS $$
      #variable_conflict use_column
      BEGIN
        RETURN QUERY
          WITH found AS (
            SELECT s.user_id, s.conversation_id, s.session_id, s.generation, s.index
              FROM lifeecho.audio_segments s
              WHERE s.is_open AND (s.not_before IS NULL OR s.not_before <= p_now)
                AND (s.lease_expires_at IS NULL OR s.lease_expires_at <= clock_timestamp()
                  OR (p_alone AND s.lease_owner <> p_server))
              ORDER BY s.stored_at LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED
          ), leased AS (
            UPDATE lifeecho.audio_segments s
              SET lease_owner = p_server, lease_number = s.lease_number + 1, attempts = s.attempts + 1,
                lease_expires_at = clock_timestamp() + p_lease_ms * interval '1 millisecond'
              FROM found f
              WHERE s.user_id = f.user_id AND s.conversation_id = f.conversation_id AND s.session_id = f.session_id
                AND s.generation = f.generation AND s.index = f.index
              RETURNING s.*
          )
          SELECT l.user_id::text, l.conversation_id::text, l.session_id::text, l.generation, l.index, l.lease_number,
              l.attempts, l.failures, v.format, l.duration_ms, l.stored_at, l.content
            FROM leased l JOIN lifeecho.voice_sessions v USING (user_id, conversation_id, session_id, generation)
            ORDER BY l.stored_at;
      END $$;

      -- Prolongs leases. Not fsynced: a lost renewal only ends a lease early.
      CREATE FUNCTION lifeecho.renew_segments(
        p_server text, p_users text[], p_conversations text[], p_sessions text[], p_generations bigint[],
        p_indices bigint[], p_numbers bigint[], p_lease_ms bigint, OUT renewed bigint
      ) LANGUAGE plpgsql SET enable_seqscan = off AS $$
      BEGIN
        PERFORM set_config('synchronous_commit', 'off', true);
        UPDATE lifeecho.audio_segments s
          SET lease_expires_at = clock_timestamp() + p_lease_ms * interval '1 millisecond'
          FROM unnest(p_users, p_conversations, p_sessions, p_generations, p_indices, p_numbers)
            l (user_id, conversation_id, session_id, generation, index, lease_number)
          WHERE s.user_id = l.user_id AND s.conversation_id = l.conversation_id AND s.session_id = l.session_id
            AND s.generation = l.generation AND s.index = l.index AND s.lease_number = l.lease_number
            AND s.lease_owner = p_server AND s.is_open;
        GET DIAGNOSTICS renewed = ROW_COUNT;
      END $$;

      -- Ends the work on a segment: with a transcript, with a failure for good (p_backoff_ms is null), or until another
      -- attempt. is_due: the session has nothing left to wait for.
      -- Outcomes: ok, fenced.
      CREATE FUNCTION lifeecho.complete_segment(
        p_user text, p_conversation text, p_session text, p_generation bigint, p_index bigint, p_number bigint,
        p_transcript text, p_failure text, p_backoff_ms bigint, p_recognizer text, p_now timestamptz,
        OUT outcome text, OUT is_due boolean
      ) LANGUAGE plpgsql SET enable_seqscan = off AS $$
      DECLARE
        v_session record;
        v_ended integer := 1;
      BEGIN
        SELECT s.state, s.last_index, s.durable_through, s.open_segments, s.is_abandoned, s.due_at INTO v_session
          FROM lifeecho.voice_sessions s
          WHERE s.user_id = p_user AND s.conversation_id = p_conversation AND s.session_id = p_session
            AND s.generation = p_generation FOR NO KEY UPDATE;
        IF NOT FOUND THEN
          outcome := 'fenced';
          RETURN;
        END IF;
        IF p_failure IS NOT NULL AND p_backoff_ms IS NOT NULL THEN
          v_ended := 0;
          UPDATE lifeecho.audio_segments s
            SET failures = s.failures + 1, failure = p_failure, recognizer = p_recognizer, lease_owner = NULL,
              lease_expires_at = NULL, not_before = p_now + p_backoff_ms * interval '1 millisecond'
            WHERE s.user_id = p_user AND s.conversation_id = p_conversation AND s.session_id = p_session
              AND s.generation = p_generation AND s.index = p_index AND s.lease_number = p_number AND s.is_open;
        ELSE
          UPDATE lifeecho.audio_segments s
            SET is_open = false, transcript = p_transcript, failure = p_failure, recognizer = p_recognizer,
              failures = s.failures + CASE WHEN p_failure IS NULL THEN 0 ELSE 1 END, lease_owner = NULL,
              lease_expires_at = NULL, recognized_at = CASE WHEN p_failure IS NULL THEN p_now END
            WHERE s.user_id = p_user AND s.conversation_id = p_conversation AND s.session_id = p_session
              AND s.generation = p_generation AND s.index = p_index AND s.lease_number = p_number AND s.is_open;
        END IF;
        IF NOT FOUND THEN
          outcome := 'fenced';
          v_ended := 0;
        ELSE
          outcome := 'ok';
        END IF;
        is_due := v_session.due_at IS NOT NULL AND v_session.open_segments = v_ended
          AND (v_session.is_abandoned OR v_session.last_index = v_session.durable_through);
        is_due := coalesce(is_due, false);
        IF v_ended = 1 THEN
          UPDATE lifeecho.voice_sessions s
            SET open_segments = s.open_segments - 1, due_at = CASE WHEN is_due THEN p_now ELSE s.due_at END
            WHERE s.user_id = p_user AND s.conversation_id = p_conversation AND s.session_id = p_session
              AND s.generation = p_generation;
        END IF;
      END $$;

      -- Recognises a failed session again. What it reserves is not asked of the quota: the speech was admitted once.
      -- Outcomes: ok (with the state; any other session is left alone), voice_session_unknown, user_unknown, forbidden,
      -- unknown, deleted.
      CREATE FUNCTION lifeecho.retry_transcription(
        p_user text, p_conversation text, p_session text, p_generation bigint, p_limits bigint[], p_now timestamptz,
        p_patience_ms bigint, OUT outcome text, OUT session_state text, OUT opened integer
      ) LANGUAGE plpgsql SET enable_seqscan = off AS $$
      DECLARE
        v_deleted boolean;
        v_session record;
      BEGIN
        opened := 0;
        SELECT deleted_at IS NOT NULL INTO v_deleted FROM lifeecho.conversations
          WHERE user_id = p_user AND conversation_id = p_conversation FOR NO KEY UPDATE;
        IF NOT FOUND THEN
          outcome := lifeecho.absence(p_user, p_conversation);
          RETURN;
        END IF;
        IF v_deleted THEN
          outcome := 'deleted';
          RETURN;
        END IF;
        SELECT s.generation, s.state INTO v_session FROM lifeecho.voice_sessions s
          WHERE s.user_id = p_user AND s.conversation_id = p_conversation AND s.session_id = p_session
            AND (p_generation = 0 OR s.generation = p_generation)
          ORDER BY s.generation DESC LIMIT 1 FOR NO KEY UPDATE;
        IF NOT FOUND THEN
          outcome := 'voice_session_unknown';
          RETURN;
        END IF;
        outcome := 'ok';
        session_state := v_session.state;
        IF v_session.state <> 'failed' THEN
          RETURN;
        END IF;
        UPDATE lifeecho.audio_segments s
          SET is_open = true, attempts = 0, failures = 0, failure = NULL, not_before = NULL, transcript = NULL,
            recognized_at = NULL, lease_number = s.lease_number + 1
          WHERE s.user_id = p_user AND s.conversation_id = p_conversation AND s.session_id = p_session
            AND s.generation = v_session.generation AND s.content IS NOT NULL;
        GET DIAGNOSTICS opened = ROW_COUNT;
        IF opened = 0 THEN
          RETURN;
        END IF;
        session_state := 'transcribing';
        UPDATE lifeecho.voice_sessions s
          SET state = 'transcribing', open_segments = opened, audio_expires_at = NULL,
            due_at = p_now + p_patience_ms * interval '1 millisecond',
            quota_day = lifeecho.reserve_voice_turn(p_user, p_limits, p_now, true)
          WHERE s.user_id = p_user AND s.conversation_id = p_conversation AND s.session_id = p_session
            AND s.generation = v_session.generation;
      END $$;
    """#
}
