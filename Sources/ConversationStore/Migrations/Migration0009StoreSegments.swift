extension Migration {
  /// Everything that speech does in the database.
  static let voiceFunctions = Migration(
    version: 9, name: "voice_functions",
    sql: [storeSegmentsSQL, recognitionSQL, voiceEndingsSQL, voiceLookupsSQL].joined(separator: "\n"))

  /// Segments of a voice session, from StreamAudio.
  static let storeSegmentsSQL =
    #"""
      CREATE TYPE lifeecho.segments_answer AS (
        outcome text,
        generation integer,
        session_state text,
        durable_through integer,
        -- Ranges beyond durable_through, upper bounds exclusive; at most 65 of them.
        later_from integer[],
        later_to integer[],
        -- For each segment: stored, duplicate, conflict, beyond_last, full, finished.
        verdicts text[],
        -- Everything is recognised already: finish the session now.
        is_due boolean,
        -- With a session's first and last segment, and with a refusal for want of quota.
        turns_limit bigint,
        turns_used bigint,
        speech_limit_ms bigint,
        speech_used_ms bigint,
        reset_time timestamptz
      );

      -- The user's day with the speech of sessions that have not ended.
      CREATE FUNCTION lifeecho.with_voice_quota(
        answer lifeecho.segments_answer, p_user text, p_limits bigint[], p_now timestamptz
      ) RETURNS lifeecho.segments_answer LANGUAGE plpgsql STABLE AS $$
      DECLARE
        v_tier text;
        v_zone text;
        v_quota lifeecho.quota;
      BEGIN
        SELECT tier, day_zone INTO v_tier, v_zone FROM lifeecho.users WHERE user_id = p_user;
        v_quota := lifeecho.quota_now(p_user, v_tier, v_zone, p_limits, p_now);
        answer.turns_limit := v_quota.turns_limit;
        answer.turns_used := v_quota.turns_used;
        answer.speech_limit_ms := v_quota.speech_limit_ms;
        answer.speech_used_ms := v_quota.speech_used_ms + coalesce((
          SELECT sum(charged_ms) FROM lifeecho.voice_sessions
            WHERE user_id = p_user AND due_at IS NOT NULL AND quota_day = (p_now AT TIME ZONE v_zone)::date), 0);
        answer.reset_time := v_quota.reset_time;
        RETURN answer;
      END $$;

      -- Reserves a turn of the day for a voice session, when a turn and some speech are left. The conversation is
      -- locked; p_always admits whatever is left. Null: over quota.
      CREATE FUNCTION lifeecho.reserve_voice_turn(
        p_user text, p_limits bigint[], p_now timestamptz, p_always boolean
      ) RETURNS date LANGUAGE plpgsql AS $$
      DECLARE
        v_person record;
        v_day date;
        v_open_ms bigint;
      BEGIN
        SELECT tier, day_zone INTO v_person FROM lifeecho.users WHERE user_id = p_user;
        v_day := (p_now AT TIME ZONE v_person.day_zone)::date;
        SELECT coalesce(sum(charged_ms), 0) INTO v_open_ms FROM lifeecho.voice_sessions
          WHERE user_id = p_user AND due_at IS NOT NULL AND quota_day = v_day;
        INSERT INTO lifeecho.quota_usage AS q (user_id, day, turns_reserved)
          SELECT p_user, v_day, 1 WHERE p_always OR (
            p_limits[CASE v_person.tier WHEN 'premium' THEN 3 ELSE 1 END] > 0
            AND p_limits[CASE v_person.tier WHEN 'premium' THEN 4 ELSE 2 END] > v_open_ms)
          ON CONFLICT (user_id, day) DO UPDATE SET turns_reserved = q.turns_reserved + 1
            WHERE p_always OR (
              q.turns_used + q.turns_reserved < p_limits[CASE v_person.tier WHEN 'premium' THEN 3 ELSE 1 END]
              AND q.speech_used_ms + q.speech_reserved_ms + v_open_ms
                < p_limits[CASE v_person.tier WHEN 'premium' THEN 4 ELSE 2 END]);
        RETURN CASE WHEN FOUND THEN v_day END;
      END $$;

      -- Stores segments of one session, in one transaction. A session's first segment creates it, and with it the
      -- conversation, and reserves a turn; that takes the conversation's lock. Later ones lock the session's row alone.
      --
      -- p_generation: 0 for the newest one. p_stream: the call they came by. p_charges_ms: what the quota is charged.
      -- p_record_times_us: 0 for none. p_bounds: longest session (ms), silence that abandons one (ms), patience with
      -- gaps (ms). p_heavy: take the conversation's lock first; asked for by the outcome `again`. p_sums: speech and
      -- charge (ms) of segments that follow one another and are not the last; empty otherwise.
      -- Outcomes: ok, again, quota, user_unknown, forbidden, deleted. A refusal leaves nothing behind.
      CREATE FUNCTION lifeecho.store_segments(
        p_user text, p_conversation text, p_session text, p_generation bigint, p_stream text, p_kind text,
        p_format text, p_indices bigint[], p_contents bytea[], p_digests bytea[], p_durations_ms bigint[],
        p_charges_ms bigint[], p_record_times_us bigint[], p_lasts boolean[], p_received timestamptz,
        p_now timestamptz, p_limits bigint[], p_bounds bigint[], p_heavy boolean, p_sums bigint[],
        OUT answer lifeecho.segments_answer
      ) LANGUAGE plpgsql SET enable_seqscan = off AS $$
      DECLARE
        v lifeecho.voice_sessions;
        v_found boolean;
        -- The unfinished generation that a new one takes the id from.
        v_replaced integer;
        v_same boolean;
        v_creation text := '';
        v_deleted boolean;
        v_index integer;
        v_is_admitted boolean := false;
        v_ended boolean := false;
        v_day date;
        v_first int4range;
      BEGIN
        -- The next segments of a running session without gaps, as nearly all are: one update, which is the lock too.
        IF cardinality(p_sums) = 2 AND p_generation > 0 THEN
          UPDATE lifeecho.voice_sessions s
            SET durable_through = s.durable_through + cardinality(p_indices),
              segment_count = s.segment_count + cardinality(p_indices),
              open_segments = s.open_segments + cardinality(p_indices), duration_ms = s.duration_ms + p_sums[1],
              charged_ms = s.charged_ms + p_sums[2], updated_at = p_now
            WHERE s.user_id = p_user AND s.conversation_id = p_conversation AND s.session_id = p_session
              AND s.generation = p_generation AND s.durable_through = p_indices[1] - 1 AND s.state = 'recording'
              AND isempty(s.later) AND s.duration_ms + p_sums[1] <= p_bounds[1]
            RETURNING s.durable_through INTO answer.durable_through;
          IF FOUND THEN
            FOR i IN 1 .. cardinality(p_indices) LOOP
              INSERT INTO lifeecho.audio_segments (user_id, conversation_id, session_id, generation, index, sha256,
                  duration_ms, is_last, record_time, received_at, stored_at, content)
                VALUES (p_user, p_conversation, p_session, p_generation, p_indices[i], p_digests[i],
                  p_durations_ms[i], false, CASE WHEN p_record_times_us[i] <> 0
                    THEN timestamptz 'epoch' + p_record_times_us[i] * interval '1 microsecond' END,
                  p_received, p_now, p_contents[i]);
            END LOOP;
            answer.outcome := 'ok';
            answer.generation := p_generation;
            answer.session_state := 'recording';
            answer.verdicts := array_fill('stored'::text, ARRAY[cardinality(p_indices)]);
            RETURN;
          END IF;
        END IF;
        IF p_heavy THEN
          v_found := false;
        ELSIF p_generation > 0 THEN
          SELECT * INTO v FROM lifeecho.voice_sessions
            WHERE user_id = p_user AND conversation_id = p_conversation AND session_id = p_session
              AND generation = p_generation FOR NO KEY UPDATE;
          v_found := FOUND;
        ELSE
          SELECT * INTO v FROM lifeecho.voice_sessions
            WHERE user_id = p_user AND conversation_id = p_conversation AND session_id = p_session
            ORDER BY generation DESC LIMIT 1 FOR NO KEY UPDATE;
          v_found := FOUND;
        END IF;

        IF v_found THEN
          -- Whatever is not plainly one more segment of a running session needs the conversation's lock, which comes
          -- before the session's.
          IF v.state NOT IN ('recording', 'transcribing') OR (
            p_indices[1] = 0 AND (v.durable_through >= 0 OR v.later @> 0) AND v.first_stream <> p_stream)
          THEN
            answer.outcome := 'again';
            RETURN;
          END IF;
        ELSE
          LOOP
            SELECT deleted_at IS NOT NULL INTO v_deleted FROM lifeecho.conversations
              WHERE user_id = p_user AND conversation_id = p_conversation FOR NO KEY UPDATE;
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
          IF v_deleted THEN
            answer.outcome := 'deleted';
            RETURN;
          END IF;
          SELECT * INTO v FROM lifeecho.voice_sessions
            WHERE user_id = p_user AND conversation_id = p_conversation AND session_id = p_session
              AND (p_generation = 0 OR generation = p_generation)
            ORDER BY generation DESC LIMIT 1 FOR NO KEY UPDATE;
          v_found := FOUND;
          v_ended := v_found AND v.state NOT IN ('recording', 'transcribing');
          IF v_found AND p_indices[1] = 0 THEN
            SELECT sha256 = p_digests[1] INTO v_same FROM lifeecho.audio_segments
              WHERE user_id = p_user AND conversation_id = p_conversation AND session_id = p_session
                AND generation = v.generation AND index = 0;
            -- Other bytes for index 0, after the end or by a later call: the id is used again.
            IF (v_ended AND v_same IS NOT TRUE) OR (NOT v_ended AND NOT v_same AND v.first_stream <> p_stream) THEN
              -- One that only waits for its recognition ends as usual.
              IF NOT v_ended AND (v.last_index IS NULL OR v.durable_through < v.last_index) THEN
                v_replaced := v.generation;
              END IF;
              v_found := false;
              v_ended := false;
            END IF;
          END IF;
          IF NOT v_found THEN
            v_day := lifeecho.reserve_voice_turn(p_user, p_limits, p_now, false);
            IF v_day IS NULL THEN
              answer := lifeecho.with_voice_quota(answer, p_user, p_limits, p_now);
              IF v_creation = 'created' THEN
                PERFORM lifeecho.discard_conversation(p_user, p_conversation);
              END IF;
              answer.outcome := 'quota';
              RETURN;
            END IF;
            UPDATE lifeecho.voice_sessions SET state = 'abandoned', is_abandoned = true, due_at = p_now
              WHERE user_id = p_user AND conversation_id = p_conversation AND session_id = p_session
                AND generation = v_replaced;
            INSERT INTO lifeecho.voice_sessions (user_id, conversation_id, session_id, generation, kind, format,
                quota_day, due_at, created_at, updated_at)
              SELECT p_user, p_conversation, p_session, 1 + coalesce(max(s.generation), 0), p_kind, p_format, v_day,
                  p_now + p_bounds[2] * interval '1 millisecond', p_now, p_now
                FROM lifeecho.voice_sessions s
                WHERE s.user_id = p_user AND s.conversation_id = p_conversation AND s.session_id = p_session
              RETURNING * INTO v;
            v_is_admitted := true;
          END IF;
        END IF;

        answer.outcome := 'ok';
        FOR i IN 1 .. cardinality(p_indices) LOOP
          v_index := p_indices[i];
          IF v_index <= v.durable_through OR v.later @> v_index THEN
            SELECT sha256 = p_digests[i] INTO v_same FROM lifeecho.audio_segments
              WHERE user_id = p_user AND conversation_id = p_conversation AND session_id = p_session
                AND generation = v.generation AND index = v_index;
            answer.verdicts[i] := CASE WHEN v_same THEN 'duplicate' ELSE 'conflict' END;
            CONTINUE WHEN NOT v_same OR v_ended OR NOT p_lasts[i] OR v.last_index IS NOT NULL;
          ELSIF v_ended THEN
            answer.verdicts[i] := 'finished';
            CONTINUE;
          ELSIF v_index > v.last_index THEN
            answer.verdicts[i] := 'beyond_last';
            CONTINUE;
          ELSIF v.duration_ms + p_durations_ms[i] > p_bounds[1] THEN
            answer.verdicts[i] := 'full';
            CONTINUE;
          ELSE
            INSERT INTO lifeecho.audio_segments (user_id, conversation_id, session_id, generation, index, sha256,
                duration_ms, is_last, record_time, received_at, stored_at, content)
              VALUES (p_user, p_conversation, p_session, v.generation, v_index, p_digests[i], p_durations_ms[i],
                p_lasts[i], CASE WHEN p_record_times_us[i] <> 0
                  THEN timestamptz 'epoch' + p_record_times_us[i] * interval '1 microsecond' END,
                p_received, p_now, p_contents[i]);
            answer.verdicts[i] := 'stored';
            IF v_index = 0 THEN
              v.first_stream := p_stream;
            END IF;
            v.segment_count := v.segment_count + 1;
            v.open_segments := v.open_segments + 1;
            v.duration_ms := v.duration_ms + p_durations_ms[i];
            v.charged_ms := v.charged_ms + p_charges_ms[i];
            IF v_index > v.durable_through + 1 THEN
              v.later := v.later + int4multirange(int4range(v_index, v_index + 1));
            ELSE
              v.durable_through := v_index;
              IF lower(v.later) = v_index + 1 THEN
                SELECT r INTO v_first FROM unnest(v.later) r LIMIT 1;
                v.durable_through := upper(v_first) - 1;
                v.later := v.later - int4multirange(v_first);
              END IF;
            END IF;
          END IF;
          -- A later segment that is durable already was spoken too.
          IF p_lasts[i] AND v.last_index IS NULL THEN
            v.last_index := greatest(v_index, v.durable_through, upper(v.later) - 1);
            v.last_at := p_now;
            v.state := 'transcribing';
            v.due_at := p_now + p_bounds[3] * interval '1 millisecond';
            v_is_admitted := true;
          END IF;
        END LOOP;

        IF NOT v_ended THEN
          answer.is_due := v.open_segments = 0 AND v.last_index = v.durable_through;
          IF answer.is_due THEN
            v.due_at := p_now;
          END IF;
          UPDATE lifeecho.voice_sessions
            SET state = v.state, last_index = v.last_index, last_at = v.last_at, durable_through = v.durable_through,
              later = v.later, segment_count = v.segment_count, open_segments = v.open_segments,
              duration_ms = v.duration_ms, charged_ms = v.charged_ms, first_stream = v.first_stream,
              due_at = v.due_at, updated_at = p_now
            WHERE user_id = p_user AND conversation_id = p_conversation AND session_id = p_session
              AND generation = v.generation;
        END IF;
        answer.generation := v.generation;
        answer.session_state := v.state;
        answer.durable_through := v.durable_through;
        IF NOT isempty(v.later) THEN
          SELECT array_agg(lower(r)), array_agg(upper(r)) INTO answer.later_from, answer.later_to
            FROM (SELECT r FROM unnest(v.later) r LIMIT 65) listed;
        END IF;
        IF v_is_admitted THEN
          answer := lifeecho.with_voice_quota(answer, p_user, p_limits, p_now);
        END IF;
      END $$;
    """#
}
