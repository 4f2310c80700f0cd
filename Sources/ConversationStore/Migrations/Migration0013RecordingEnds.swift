extension Migration {
  /// Recordings that end at the last index, or are begun again; devices of a conversation.
  static let recordingEndsSQL =
    #"""
      -- The last segment was refused because the session has all it may have: what is stored is the recording.
      -- p_generation: 0 for the newest one. No row: nothing of it is stored, or it has ended already.
      CREATE FUNCTION lifeecho.end_recording(
        p_user text, p_conversation text, p_session text, p_generation bigint, p_patience_ms bigint, p_now timestamptz
      ) RETURNS TABLE (generation integer, session_state text, durable_through integer, later_from integer[],
        later_to integer[], is_due boolean)
      LANGUAGE plpgsql SET enable_seqscan = off AS $$
      #variable_conflict use_column
      DECLARE
        v lifeecho.voice_sessions;
      BEGIN
        SELECT * INTO v FROM lifeecho.voice_sessions
          WHERE user_id = p_user AND conversation_id = p_conversation AND session_id = p_session
            AND (p_generation = 0 OR generation = p_generation)
          ORDER BY generation DESC LIMIT 1 FOR NO KEY UPDATE;
        IF NOT FOUND OR v.state <> 'recording' OR v.segment_count = 0 THEN
          RETURN;
        END IF;
        v.last_index := greatest(v.durable_through, upper(v.later) - 1);
        RETURN QUERY
          UPDATE lifeecho.voice_sessions s
            SET state = 'transcribing', last_index = v.last_index, last_at = p_now, updated_at = p_now,
              due_at = CASE WHEN v.open_segments = 0 AND v.last_index = v.durable_through THEN p_now
                ELSE p_now + p_patience_ms * interval '1 millisecond' END
            WHERE s.user_id = p_user AND s.conversation_id = p_conversation AND s.session_id = p_session
              AND s.generation = v.generation
            RETURNING s.generation, s.state, s.durable_through,
              ARRAY(SELECT lower(r) FROM unnest(s.later) r LIMIT 65),
              ARRAY(SELECT upper(r) FROM unnest(s.later) r LIMIT 65), s.due_at = p_now;
      END $$;

      -- A recording has begun, which creates the conversation. It keeps its time when it goes on on another connection:
      -- something of it is stored, and no longer ago than the delay. Without a stored segment it begins anew, as after a
      -- cancel; the feedback is given once for what is stored. wait_ms: until the feedback; null: it was given, or the
      -- last segment is there. armed_time is what fire_feedback wants to know.
      -- Outcomes: ok, user_unknown, forbidden, deleted.
      DROP FUNCTION lifeecho.arm_feedback(text, text, text, bigint, timestamptz);
      CREATE FUNCTION lifeecho.arm_feedback(
        p_user text, p_conversation text, p_session text, p_delay_ms bigint, p_now timestamptz,
        OUT outcome text, OUT armed_generation integer, OUT wait_ms bigint, OUT armed_time timestamptz
      ) LANGUAGE plpgsql SET enable_seqscan = off AS $$
      DECLARE
        v_status text := lifeecho.conversation_status(p_user, p_conversation);
        v_session record;
        v_is_stored boolean;
        v_goes_on boolean;
        v_fired timestamptz;
      BEGIN
        outcome := 'ok';
        IF v_status = 'unknown' THEN
          v_status := lifeecho.create_conversation(p_user, p_conversation, p_now);
        END IF;
        IF v_status IN ('user_unknown', 'forbidden', 'deleted') THEN
          outcome := v_status;
          RETURN;
        END IF;
        -- An erasure waits for this lock; commands do not.
        PERFORM 1 FROM lifeecho.conversations WHERE user_id = p_user AND conversation_id = p_conversation FOR KEY SHARE;
        IF NOT FOUND THEN
          outcome := 'user_unknown';
          RETURN;
        END IF;
        SELECT s.generation, s.state, s.updated_at INTO v_session FROM lifeecho.voice_sessions s
          WHERE s.user_id = p_user AND s.conversation_id = p_conversation AND s.session_id = p_session
          ORDER BY s.generation DESC LIMIT 1;
        v_is_stored := coalesce(v_session.state IN ('recording', 'transcribing'), false);
        v_goes_on := v_is_stored AND v_session.updated_at > p_now - p_delay_ms * interval '1 millisecond';
        -- After the end, the id stands for the next recording.
        armed_generation := coalesce(v_session.generation, 0) + CASE WHEN v_is_stored THEN 0 ELSE 1 END;
        INSERT INTO lifeecho.listening_feedback AS f (user_id, conversation_id, session_id, generation, armed_at)
          VALUES (p_user, p_conversation, p_session, armed_generation, p_now)
          ON CONFLICT (user_id, conversation_id, session_id, generation) DO UPDATE
            SET armed_at = CASE WHEN v_goes_on THEN f.armed_at ELSE p_now END,
              fired_at = CASE WHEN v_is_stored THEN f.fired_at END
          RETURNING f.armed_at, f.fired_at INTO armed_time, v_fired;
        IF v_fired IS NULL AND v_session.state IS DISTINCT FROM 'transcribing' THEN
          wait_ms := greatest(0, (lifeecho.microseconds(armed_time) - lifeecho.microseconds(p_now)) / 1000 + p_delay_ms);
        END IF;
      END $$;

      -- True for the one caller that gives the feedback now. p_armed: as it was armed; a recording that was begun anew
      -- has another time. Servers of the version before call the function without it.
      CREATE FUNCTION lifeecho.fire_feedback(
        p_user text, p_conversation text, p_session text, p_generation bigint, p_armed timestamptz, p_now timestamptz,
        OUT fires boolean
      ) LANGUAGE plpgsql SET enable_seqscan = off AS $$
      BEGIN
        PERFORM 1 FROM lifeecho.listening_feedback f
          WHERE f.user_id = p_user AND f.conversation_id = p_conversation AND f.session_id = p_session
            AND f.generation = p_generation AND f.armed_at = p_armed
          FOR UPDATE;
        fires := FOUND AND lifeecho.fire_feedback(p_user, p_conversation, p_session, p_generation, p_now);
      END $$;

      -- The stored position never goes back, and never beyond the head. A conversation remembers p_devices devices: a
      -- new one takes the place of the one that acknowledged longest ago.
      -- Outcomes: ok, user_unknown, forbidden, unknown, deleted.
      CREATE FUNCTION lifeecho.acknowledge(
        p_user text, p_conversation text, p_device text, p_sequence bigint, p_now timestamptz, p_devices bigint,
        OUT outcome text, OUT sequence bigint
      ) LANGUAGE plpgsql SET enable_seqscan = off AS $$
      DECLARE
        v_head bigint;
        v_deleted boolean;
        v_is_new boolean;
      BEGIN
        -- An erasure waits for this lock; commands do not.
        SELECT head_sequence, deleted_at IS NOT NULL INTO v_head, v_deleted FROM lifeecho.conversations
          WHERE user_id = p_user AND conversation_id = p_conversation FOR KEY SHARE;
        IF NOT FOUND THEN
          outcome := lifeecho.absence(p_user, p_conversation);
          RETURN;
        END IF;
        IF v_deleted THEN
          outcome := 'deleted';
          RETURN;
        END IF;
        outcome := 'ok';
        INSERT INTO lifeecho.device_positions AS d (user_id, conversation_id, device_id, sequence, updated_at)
          VALUES (p_user, p_conversation, p_device, greatest(0, least(p_sequence, v_head)), p_now)
          ON CONFLICT (user_id, conversation_id, device_id) DO UPDATE
            SET sequence = greatest(d.sequence, excluded.sequence), updated_at = excluded.updated_at
          RETURNING d.sequence, d.xmax = 0 INTO acknowledge.sequence, v_is_new;
        IF v_is_new THEN
          DELETE FROM lifeecho.device_positions d
            WHERE d.user_id = p_user AND d.conversation_id = p_conversation AND d.device_id = ANY (ARRAY(
              SELECT o.device_id FROM lifeecho.device_positions o
                WHERE o.user_id = p_user AND o.conversation_id = p_conversation AND o.device_id <> p_device
                ORDER BY o.updated_at DESC, o.device_id OFFSET p_devices - 1));
        END IF;
      END $$;
    """#
}
