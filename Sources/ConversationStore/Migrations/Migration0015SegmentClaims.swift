extension Migration {
  /// Segments are claimed for one person after the other, and one that its servers died of waits before it is taken up
  /// again.
  static let segmentClaims = Migration(
    version: 15, name: "segment_claims",
    sql: #"""
      -- Each person's segments that wait, oldest first; as small as the work in hand.
      CREATE INDEX audio_segments_waiting ON lifeecho.audio_segments (user_id, stored_at) WHERE is_open;

      -- Leases segments that wait, and hands out their audio. Another server's are taken when its lease has ended, or,
      -- when p_alone, at once.
      --
      -- It goes round by user: looked at are the first p_users people after p_after who have work; whoever has fewest
      -- segments in hand (p_busy: a user for each of this server's) comes first, then who waits longest. p_depth: how many
      -- segments are looked at, with those that other servers take at this moment. next_after: where the next round begins;
      -- '' when it saw everybody.
      --
      -- A lease that was lost, with its server or with its network, costs a pause before the next but one: the lease's
      -- time, then twice as long each time, p_pause_max_ms at most.
      CREATE FUNCTION lifeecho.claim_segments(
        p_server text, p_alone boolean, p_lease_ms bigint, p_limit bigint, p_now timestamptz, p_pause_max_ms bigint,
        p_busy text[], p_after text, p_users bigint, p_depth bigint
      ) RETURNS TABLE (user_id text, conversation_id text, session_id text, generation integer, index integer,
        lease_number bigint, attempts integer, failures integer, format text, duration_ms bigint,
        stored_at timestamptz, content bytea, next_after text)
      LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
        SET enable_incremental_sort = off AS $$
      #variable_conflict use_column
      DECLARE
        v_users text[] := '{}';
        v_user text;
        v_last text := p_after;
        v_wraps boolean := p_after <> '';
        v_next text := '';
      BEGIN
        LOOP
          -- By both columns of the index: the primary key begins with the user, too, and has all that ever was.
          SELECT s.user_id INTO v_user FROM lifeecho.audio_segments s
            WHERE s.is_open AND s.user_id > v_last AND (s.not_before IS NULL OR s.not_before <= p_now)
              AND (s.lease_expires_at IS NULL OR s.lease_expires_at <= clock_timestamp()
                OR (p_alone AND s.lease_owner <> p_server))
            ORDER BY s.user_id, s.stored_at LIMIT 1;
          IF NOT FOUND THEN
            EXIT WHEN NOT v_wraps;
            v_wraps := false;
            v_last := '';
            CONTINUE;
          END IF;
          EXIT WHEN v_user = ANY (v_users);
          v_users := v_users || v_user;
          v_last := v_user;
          IF cardinality(v_users) >= p_users THEN
            v_next := v_user;
            EXIT;
          END IF;
        END LOOP;
        IF cardinality(v_users) = 0 THEN
          RETURN;
        END IF;
        RETURN QUERY
          WITH offered AS (
            SELECT o.*, cardinality(array_positions(p_busy, o.user_id))
                + row_number() OVER (PARTITION BY o.user_id ORDER BY o.stored_at) AS place
              FROM unnest(v_users) u (user_id)
              CROSS JOIN LATERAL (
                SELECT s.user_id::text, s.conversation_id, s.session_id, s.generation, s.index, s.stored_at
                  FROM lifeecho.audio_segments s
                  WHERE s.user_id = u.user_id AND s.is_open AND (s.not_before IS NULL OR s.not_before <= p_now)
                    AND (s.lease_expires_at IS NULL OR s.lease_expires_at <= clock_timestamp()
                      OR (p_alone AND s.lease_owner <> p_server))
                  ORDER BY s.stored_at LIMIT p_depth
              ) o
              ORDER BY place, o.stored_at LIMIT p_depth
          ), found AS (
            -- What others have taken meanwhile is passed over.
            SELECT s.user_id, s.conversation_id, s.session_id, s.generation, s.index
              FROM offered o
              JOIN lifeecho.audio_segments s ON s.user_id = o.user_id AND s.conversation_id = o.conversation_id
                AND s.session_id = o.session_id AND s.generation = o.generation AND s.index = o.index
              WHERE s.is_open AND (s.not_before IS NULL OR s.not_before <= p_now)
                AND (s.lease_expires_at IS NULL OR s.lease_expires_at <= clock_timestamp()
                  OR (p_alone AND s.lease_owner <> p_server))
              ORDER BY o.place, o.stored_at LIMIT p_limit FOR NO KEY UPDATE OF s SKIP LOCKED
          ), leased AS (
            UPDATE lifeecho.audio_segments s
              SET lease_owner = p_server, lease_number = s.lease_number + 1, attempts = s.attempts + 1,
                lease_expires_at = clock_timestamp() + p_lease_ms * interval '1 millisecond',
                not_before = CASE WHEN s.attempts > s.failures THEN p_now + least(p_pause_max_ms,
                  p_lease_ms * 2.0 ^ least(s.attempts - s.failures - 1, 30)) * interval '1 millisecond' END
              FROM found f
              WHERE s.user_id = f.user_id AND s.conversation_id = f.conversation_id AND s.session_id = f.session_id
                AND s.generation = f.generation AND s.index = f.index
              RETURNING s.*
          )
          SELECT l.user_id::text, l.conversation_id::text, l.session_id::text, l.generation, l.index, l.lease_number,
              l.attempts, l.failures, v.format, l.duration_ms, l.stored_at, l.content, v_next
            FROM leased l JOIN lifeecho.voice_sessions v USING (user_id, conversation_id, session_id, generation)
            ORDER BY l.stored_at;
      END $$;

      -- As servers of the version before call it.
      CREATE OR REPLACE FUNCTION lifeecho.claim_segments(
        p_server text, p_alone boolean, p_lease_ms bigint, p_limit bigint, p_now timestamptz
      ) RETURNS TABLE (user_id text, conversation_id text, session_id text, generation integer, index integer,
        lease_number bigint, attempts integer, failures integer, format text, duration_ms bigint,
        stored_at timestamptz, content bytea)
      LANGUAGE sql AS $$
        SELECT c.user_id, c.conversation_id, c.session_id, c.generation, c.index, c.lease_number, c.attempts, c.failures,
            c.format, c.duration_ms, c.stored_at, c.content
          FROM lifeecho.claim_segments(p_server, p_alone, p_lease_ms, p_limit, p_now, 600000, '{}', '', 16, p_limit + 16) c;
      $$;
      DROP INDEX lifeecho.audio_segments_open;
      """#)
}
