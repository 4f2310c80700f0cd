extension Migration {
  /// Segments of several running recordings, stored by one statement.
  static let extendRecordings = Migration(
    version: 14, name: "extend_recordings",
    sql: #"""
      -- Stores the next segments of recordings without gaps, as nearly all are: one update of their rows, which is the lock
      -- too, and one insert. A recording for which that is not so is left alone.
      --
      -- One element for each recording: its key, the first index, the number of segments, their speech and their charge,
      -- when they came (microseconds since 1970). One for each segment: its recording's place, from 1, and what it is.
      -- extended: the places of those that were stored.
      CREATE FUNCTION lifeecho.extend_recordings(
        p_users text[], p_conversations text[], p_sessions text[], p_generations bigint[], p_firsts bigint[],
        p_counts bigint[], p_durations_ms bigint[], p_charges_ms bigint[], p_times_us bigint[],
        p_places bigint[], p_indices bigint[], p_contents bytea[], p_digests bytea[], p_lengths_ms bigint[],
        p_record_times_us bigint[], p_session_ms bigint,
        OUT extended bigint[]
      ) LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
      BEGIN
        WITH moved AS (
          UPDATE lifeecho.voice_sessions s
            SET durable_through = s.durable_through + r.count, segment_count = s.segment_count + r.count,
              open_segments = s.open_segments + r.count, duration_ms = s.duration_ms + r.duration_ms,
              charged_ms = s.charged_ms + r.charge_ms,
              updated_at = timestamptz 'epoch' + r.time_us * interval '1 microsecond'
            FROM unnest(p_users, p_conversations, p_sessions, p_generations, p_firsts, p_counts, p_durations_ms,
                p_charges_ms, p_times_us) WITH ORDINALITY
              AS r (user_id, conversation_id, session_id, generation, first, count, duration_ms, charge_ms, time_us, place)
            WHERE s.user_id = r.user_id AND s.conversation_id = r.conversation_id AND s.session_id = r.session_id
              AND s.generation = r.generation AND s.durable_through = r.first - 1 AND s.state = 'recording'
              AND isempty(s.later) AND s.charged_ms + r.charge_ms <= p_session_ms
            RETURNING r.place, s.user_id, s.conversation_id, s.session_id, s.generation, s.updated_at
        ), stored AS (
          INSERT INTO lifeecho.audio_segments (user_id, conversation_id, session_id, generation, index, sha256,
              duration_ms, is_last, record_time, received_at, stored_at, content)
            SELECT m.user_id, m.conversation_id, m.session_id, m.generation, a.index, a.sha256, a.duration_ms, false,
                CASE WHEN a.record_time_us <> 0
                  THEN timestamptz 'epoch' + a.record_time_us * interval '1 microsecond' END,
                m.updated_at, m.updated_at, a.content
              FROM unnest(p_places, p_indices, p_contents, p_digests, p_lengths_ms, p_record_times_us)
                AS a (place, index, content, sha256, duration_ms, record_time_us)
              JOIN moved m ON m.place = a.place
        )
        SELECT array_agg(place) INTO extended FROM moved;
      END $$;
      """#)
}
