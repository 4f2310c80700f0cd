extension Migration {
  /// Bounds of recordings that held only for clients that say everything, and for servers that never stop.
  static let voiceBounds = Migration(
    version: 12, name: "voice_bounds",
    sql: #"""
      -- As before, in time linear in the segments.
      CREATE OR REPLACE FUNCTION lifeecho.joined_transcript(
        p_user text, p_conversation text, p_session text, p_generation integer, p_last integer,
        OUT said text, OUT missing integer[], OUT failed integer[], OUT failure text
      ) LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
      DECLARE
        v record;
        v_next integer := 0;
        v_pieces text[] := '{}';
        -- The last piece, and of it the last character.
        v_last text := '';
        v_end text;
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
            IF v_last NOT LIKE '%……' THEN
              v_last := '……';
              v_pieces := v_pieces || v_last;
            END IF;
          END IF;
          v_next := v.index + 1;
          IF v.failure IS NOT NULL THEN
            failed := failed || v.index;
            -- An engine that is not there is said before one that failed.
            failure := CASE WHEN failure = 'ENGINE_MISSING' THEN failure ELSE v.failure END;
            IF v_last NOT LIKE '%……' THEN
              v_last := '……';
              v_pieces := v_pieces || v_last;
            END IF;
          ELSIF v.words <> '' THEN
            v_has_words := true;
            v_end := right(v_last, 1);
            v_last := CASE WHEN v_end ~ '[[:alnum:],.!?]' AND v_end ~ '[ -~]' AND v.words ~ '^[!-~]'
              THEN ' ' ELSE '' END || v.words;
            v_pieces := v_pieces || v_last;
          END IF;
        END LOOP;
        IF p_last >= v_next THEN
          missing := missing || ARRAY(SELECT generate_series(v_next, p_last));
          IF v_last NOT LIKE '%……' THEN
            v_pieces := v_pieces || '……'::text;
          END IF;
        END IF;
        said := CASE WHEN v_has_words THEN array_to_string(v_pieces, '') ELSE '' END;
      END $$;

      DO $$
      DECLARE
        v_definition text;
        v_new text;
      BEGIN
        SELECT pg_get_functiondef(p.oid) INTO v_definition FROM pg_proc p
          WHERE p.pronamespace = 'lifeecho'::regnamespace AND p.proname = 'store_segments';
        -- The longest session is measured by what the quota is charged: the length the client says, or what the size
        -- stands for.
        v_new := replace(v_definition, 's.duration_ms + p_sums[1] <= p_bounds[1]',
          's.charged_ms + p_sums[2] <= p_bounds[1]');
        -- The last segment may be refused; then what is stored is the recording.
        v_new := replace(v_new, 'ELSIF v.duration_ms + p_durations_ms[i] > p_bounds[1]',
          'ELSIF v.charged_ms + p_charges_ms[i] > p_bounds[1]');
        v_new := regexp_replace(v_new, '(:= ''full'';\s+)CONTINUE;', '\1'
          'CONTINUE WHEN NOT p_lasts[i] OR v.last_index IS NOT NULL OR v.segment_count = 0; '
          'v_index := greatest(v.durable_through, upper(v.later) - 1);');
        IF v_new NOT LIKE '%s.charged_ms + p_sums[2] <=%' OR v_new NOT LIKE '%v.charged_ms + p_charges_ms[i] >%'
          OR v_new NOT LIKE '%OR v.segment_count = 0;%' THEN
          RAISE EXCEPTION 'store_segments is not as it was left';
        END IF;
        EXECUTE v_new;

        SELECT pg_get_functiondef(p.oid) INTO v_definition FROM pg_proc p
          WHERE p.pronamespace = 'lifeecho'::regnamespace AND p.proname = 'finish_voice_session';
        -- Nobody could speak to a service that was away: silence is counted from its start at the earliest
        -- (p_bounds[5], microseconds since 1970; servers of the version before give none).
        v_new := replace(v_definition, 'v.updated_at + p_bounds[1]',
          'greatest(v.updated_at, timestamptz ''epoch'' + p_bounds[5] * interval ''1 microsecond'') + p_bounds[1]');
        v_new := replace(v_new, 'v.last_at + p_bounds[2]',
          'greatest(v.last_at, timestamptz ''epoch'' + p_bounds[5] * interval ''1 microsecond'') + p_bounds[2]');
        IF v_new NOT LIKE '%greatest(v.updated_at, timestamptz%' OR v_new NOT LIKE '%greatest(v.last_at, timestamptz%' THEN
          RAISE EXCEPTION 'finish_voice_session is not as it was left';
        END IF;
        EXECUTE v_new;
      END $$;
      """#)
}
