extension Migration {
  /// Leases, users and maintenance.
  static let leasesAndUsers = Migration(
    version: 7, name: "leases_and_users",
    sql: #"""
      -- Prolongs leases of running turns. Not fsynced: a lost renewal only ends a lease early. Ten thousand leases are
      -- hashed, not compared one by one.
      CREATE FUNCTION lifeecho.renew_leases(p_server text, p_turns text[], p_numbers bigint[], p_lease_ms bigint)
      RETURNS TABLE (turn_id text, lease_number bigint)
      LANGUAGE plpgsql SET enable_seqscan = off SET enable_nestloop = off AS $$
      #variable_conflict use_column
      BEGIN
        PERFORM set_config('synchronous_commit', 'off', true);
        RETURN QUERY
          UPDATE lifeecho.turns t SET lease_expires_at = clock_timestamp() + p_lease_ms * interval '1 millisecond'
            FROM unnest(p_turns, p_numbers) l (turn_id, lease_number)
            WHERE t.turn_id = l.turn_id AND t.lease_number = l.lease_number AND t.state IN ('queued', 'running')
              AND t.state = 'running' AND t.lease_owner = p_server
            RETURNING t.turn_id::text, t.lease_number;
      END $$;

      -- Takes over the first open turn of conversations where nobody runs it: queued, its lease ended, or, when
      -- p_alone, leased by another server. Conversations that somebody works on are left for the next time.
      CREATE FUNCTION lifeecho.claim_turns(
        p_server text, p_alone boolean, p_lease_ms bigint, p_limit bigint, p_now timestamptz, p_history bigint
      ) RETURNS SETOF lifeecho.turn_answer LANGUAGE plpgsql SET enable_seqscan = off AS $$
      DECLARE
        v_candidate record;
        v_conversation record;
        v_turn record;
        v_count bigint := 0;
        v_answer lifeecho.turn_answer;
      BEGIN
        FOR v_candidate IN
          SELECT DISTINCT ON (t.user_id, t.conversation_id)
              t.user_id, t.conversation_id, t.state, t.lease_expires_at, t.lease_owner
            FROM lifeecho.turns t WHERE t.state IN ('queued', 'running')
            -- A running turn first: one that is tried again stands before it in order, and waits for it.
            ORDER BY t.user_id, t.conversation_id, (t.state <> 'running'), t.ordinal
        LOOP
          EXIT WHEN v_count >= p_limit;
          CONTINUE WHEN v_candidate.state = 'running' AND v_candidate.lease_expires_at > clock_timestamp()
            AND NOT (p_alone AND v_candidate.lease_owner <> p_server);
          SELECT head_sequence, log_epoch, stage INTO v_conversation FROM lifeecho.conversations
            WHERE user_id = v_candidate.user_id AND conversation_id = v_candidate.conversation_id
                AND deleted_at IS NULL
            FOR NO KEY UPDATE SKIP LOCKED;
          CONTINUE WHEN NOT FOUND;
          SELECT turn_id, state, lease_expires_at, lease_owner INTO v_turn FROM lifeecho.turns
            WHERE user_id = v_candidate.user_id AND conversation_id = v_candidate.conversation_id
              AND state IN ('queued', 'running')
            ORDER BY (state <> 'running'), ordinal LIMIT 1;
          CONTINUE WHEN NOT FOUND;
          PERFORM 1 FROM lifeecho.turns
            WHERE user_id = v_candidate.user_id AND conversation_id = v_candidate.conversation_id
              AND turn_id = v_turn.turn_id AND (
                state = 'queued' OR (state = 'running' AND (
                  lease_expires_at <= clock_timestamp() OR (p_alone AND lease_owner <> p_server))))
            FOR NO KEY UPDATE SKIP LOCKED;
          CONTINUE WHEN NOT FOUND;
          UPDATE lifeecho.conversations SET head_sequence = v_conversation.head_sequence + 1
            WHERE user_id = v_candidate.user_id AND conversation_id = v_candidate.conversation_id;
          v_answer := NULL;
          v_answer.outcome := 'ok';
          v_answer.log_epoch := v_conversation.log_epoch;
          v_answer := lifeecho.with_started_turn(v_answer, v_candidate.user_id, v_candidate.conversation_id,
              v_turn.turn_id,
            v_conversation.stage, v_conversation.head_sequence + 1, p_server, p_lease_ms, p_now, p_history);
          v_count := v_count + 1;
          RETURN NEXT v_answer;
        END LOOP;
      END $$;

      -- Creates the user or replaces the fields that are not null; changes nothing when nothing differs.
      CREATE FUNCTION lifeecho.upsert_user(
        p_user text, p_nickname text, p_birth_year bigint, p_birth_place text, p_grew_up_place text, p_occupation text,
        p_declined text[], p_tier text, p_time_zone text, p_now timestamptz, OUT created boolean
      ) LANGUAGE plpgsql AS $$
      DECLARE
        v_day_zone text := p_time_zone;
      BEGIN
        BEGIN
          PERFORM p_now AT TIME ZONE p_time_zone;
        EXCEPTION WHEN invalid_parameter_value THEN
          v_day_zone := 'Asia/Shanghai';
        END;
        INSERT INTO lifeecho.users AS u (user_id, nickname, birth_year, birth_place, grew_up_place, occupation,
            declined,
            tier, time_zone, day_zone, created_at, updated_at)
          VALUES (p_user, p_nickname, p_birth_year, p_birth_place, p_grew_up_place, p_occupation,
              coalesce(p_declined, '{}'),
            coalesce(p_tier, 'free'), coalesce(p_time_zone, 'Asia/Shanghai'), coalesce(v_day_zone, 'Asia/Shanghai'),
                p_now,
            p_now)
          ON CONFLICT (user_id) DO NOTHING;
        created := FOUND;
        IF created THEN
          INSERT INTO lifeecho.memoir_state (user_id) VALUES (p_user) ON CONFLICT DO NOTHING;
          RETURN;
        END IF;
        UPDATE lifeecho.users u SET
            nickname = coalesce(p_nickname, u.nickname),
            birth_year = coalesce(p_birth_year::integer, u.birth_year),
            birth_place = coalesce(p_birth_place, u.birth_place),
            grew_up_place = coalesce(p_grew_up_place, u.grew_up_place),
            occupation = coalesce(p_occupation, u.occupation),
            declined = coalesce(p_declined, u.declined),
            tier = coalesce(p_tier, u.tier),
            time_zone = coalesce(p_time_zone, u.time_zone),
            day_zone = coalesce(v_day_zone, u.day_zone),
            updated_at = p_now
          WHERE u.user_id = p_user AND (
            coalesce(p_nickname, u.nickname), coalesce(p_birth_year::integer, u.birth_year),
            coalesce(p_birth_place, u.birth_place), coalesce(p_grew_up_place, u.grew_up_place),
            coalesce(p_occupation, u.occupation), coalesce(p_declined, u.declined), coalesce(p_tier, u.tier),
            coalesce(p_time_zone, u.time_zone), coalesce(v_day_zone, u.day_zone)
          ) IS DISTINCT FROM (
            u.nickname, u.birth_year, u.birth_place, u.grew_up_place, u.occupation, u.declined, u.tier, u.time_zone,
            u.day_zone);
      END $$;

      -- Erases every row of a user. The conversations are locked first, as by commands; then the user, which keeps new
      -- conversations out. The ids of the conversations stay taken, by nobody.
      CREATE FUNCTION lifeecho.delete_user(p_user text, OUT deleted boolean)
      LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM 1 FROM lifeecho.conversations WHERE user_id = p_user ORDER BY conversation_id FOR UPDATE;
        PERFORM 1 FROM lifeecho.users WHERE user_id = p_user FOR UPDATE;
        deleted := FOUND;
        IF NOT deleted THEN
          RETURN;
        END IF;
        UPDATE lifeecho.conversation_owners o SET user_id = ''
          FROM lifeecho.conversations c WHERE c.user_id = p_user AND o.conversation_id = c.conversation_id;
        DELETE FROM lifeecho.conversations WHERE user_id = p_user;
        DELETE FROM lifeecho.users WHERE user_id = p_user;
        DELETE FROM lifeecho.events WHERE user_id = p_user;
        DELETE FROM lifeecho.messages WHERE user_id = p_user;
        DELETE FROM lifeecho.turns WHERE user_id = p_user;
        DELETE FROM lifeecho.requests WHERE user_id = p_user;
        DELETE FROM lifeecho.device_positions WHERE user_id = p_user;
        DELETE FROM lifeecho.quota_usage WHERE user_id = p_user;
        DELETE FROM lifeecho.memoir_state WHERE user_id = p_user;
        DELETE FROM lifeecho.memoir_outbox WHERE user_id = p_user;
        DELETE FROM lifeecho.memoir_batches WHERE user_id = p_user;
      END $$;

      -- Forgets requests older than p_before, at most p_limit of them; returns how many.
      CREATE FUNCTION lifeecho.prune_requests(p_before timestamptz, p_limit bigint) RETURNS bigint
      LANGUAGE plpgsql AS $$
      DECLARE
        v_count bigint;
      BEGIN
        DELETE FROM lifeecho.requests WHERE ctid = ANY (ARRAY(
          SELECT ctid FROM lifeecho.requests WHERE created_at < p_before LIMIT p_limit));
        GET DIAGNOSTICS v_count = ROW_COUNT;
        RETURN v_count;
      END $$;
      """#)
}
