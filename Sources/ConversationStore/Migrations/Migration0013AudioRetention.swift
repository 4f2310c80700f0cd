extension Migration {
  /// Audio whose time is over, and feedback that nobody asks for any more.
  static let audioRetentionSQL =
    #"""
      -- Empties at most p_rows segments of sessions whose time is over, and at most p_bytes of audio and what the last
      -- segment has beyond that. A session without audio does not come again. True: nothing is left that is due.
      CREATE FUNCTION lifeecho.empty_audio(p_now timestamptz, p_rows bigint, p_bytes bigint, OUT is_over boolean)
      LANGUAGE plpgsql SET enable_seqscan = off AS $$
      DECLARE
        v record;
        v_rows bigint := p_rows;
        v_bytes bigint := p_bytes;
        v_segments record;
      BEGIN
        is_over := false;
        WHILE v_rows > 0 AND v_bytes > 0 LOOP
          SELECT user_id, conversation_id, session_id, generation INTO v FROM lifeecho.voice_sessions
            WHERE audio_expires_at <= p_now ORDER BY audio_expires_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
          IF NOT FOUND THEN
            is_over := true;
            RETURN;
          END IF;
          SELECT array_agg(place) AS places, count(*) AS count, coalesce(sum(size), 0) AS size INTO v_segments FROM (
            SELECT place, size, sum(size) OVER (ROWS UNBOUNDED PRECEDING) - size AS size_before FROM (
              SELECT ctid AS place, octet_length(content) AS size FROM lifeecho.audio_segments
                WHERE user_id = v.user_id AND conversation_id = v.conversation_id AND session_id = v.session_id
                  AND generation = v.generation AND content IS NOT NULL
                LIMIT v_rows) listed) summed
            WHERE size_before < v_bytes;
          UPDATE lifeecho.audio_segments SET content = NULL WHERE ctid = ANY (v_segments.places);
          IF NOT EXISTS (
            SELECT FROM lifeecho.audio_segments
              WHERE user_id = v.user_id AND conversation_id = v.conversation_id AND session_id = v.session_id
                AND generation = v.generation AND content IS NOT NULL)
          THEN
            UPDATE lifeecho.voice_sessions SET audio_expires_at = NULL
              WHERE user_id = v.user_id AND conversation_id = v.conversation_id AND session_id = v.session_id
                AND generation = v.generation;
          END IF;
          v_rows := v_rows - 1 - v_segments.count;
          v_bytes := v_bytes - v_segments.size;
        END LOOP;
      END $$;

      -- For servers of the version before, which go on while as much was pruned as they asked for.
      CREATE OR REPLACE FUNCTION lifeecho.prune_audio(p_now timestamptz, p_limit bigint, OUT pruned bigint)
      LANGUAGE sql AS $$ SELECT CASE WHEN lifeecho.empty_audio(p_now, 1000, 16777216) THEN 0 ELSE p_limit END $$;

      -- Forgets feedback from before p_before, at most p_limit of it; returns how much.
      CREATE FUNCTION lifeecho.prune_feedback(p_before timestamptz, p_limit bigint) RETURNS bigint
      LANGUAGE plpgsql AS $$
      DECLARE
        v_count bigint;
      BEGIN
        DELETE FROM lifeecho.listening_feedback WHERE ctid = ANY (ARRAY(
          SELECT ctid FROM lifeecho.listening_feedback WHERE armed_at < p_before LIMIT p_limit));
        GET DIAGNOSTICS v_count = ROW_COUNT;
        RETURN v_count;
      END $$;
    """#
}
