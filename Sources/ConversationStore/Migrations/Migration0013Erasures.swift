extension Migration {
  /// What is deleted is deleted in bounded steps; recordings that end at their limits; listening feedback of a recording
  /// that was begun again; devices of a conversation.
  static let boundedDeletions = Migration(
    version: 13, name: "bounded_deletions",
    sql: [erasuresSQL, audioRetentionSQL, recordingEndsSQL].joined(separator: "\n"))

  /// Erasing a user, whatever there is of them.
  static let erasuresSQL =
    #"""
      -- Users who are gone and of whom rows are left.
      CREATE TABLE lifeecho.erasures (
        user_id text COLLATE "C" PRIMARY KEY,
        begun_at timestamptz NOT NULL DEFAULT now()
      );

      -- Everything goes with its owner, whoever deletes.
      CREATE FUNCTION lifeecho.record_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO lifeecho.erasures (user_id) VALUES (OLD.user_id) ON CONFLICT DO NOTHING;
        RETURN NULL;
      END $$;
      DROP TRIGGER erase_voice ON lifeecho.users;
      DROP FUNCTION lifeecho.erase_voice();
      CREATE TRIGGER record_erasure AFTER DELETE ON lifeecho.users
        FOR EACH ROW EXECUTE FUNCTION lifeecho.record_erasure();

      -- Takes away at most p_limit conversations of a user, whose ids stay taken, by nobody. They are locked first, as by
      -- commands.
      CREATE FUNCTION lifeecho.erase_conversations(p_user text, p_limit bigint) RETURNS bigint
      LANGUAGE plpgsql SET enable_seqscan = off AS $$
      DECLARE
        v_ids text[] := ARRAY(
          SELECT conversation_id FROM lifeecho.conversations WHERE user_id = p_user ORDER BY conversation_id
            LIMIT p_limit FOR UPDATE);
      BEGIN
        UPDATE lifeecho.conversation_owners SET user_id = '' WHERE conversation_id = ANY (v_ids);
        DELETE FROM lifeecho.conversations WHERE user_id = p_user AND conversation_id = ANY (v_ids);
        RETURN cardinality(v_ids);
      END $$;

      -- From now on the user is unknown, with at most p_conversations conversations (what is beyond goes with the first
      -- steps of erase_user), and nothing is stored of them any more. True: there is something to erase.
      CREATE FUNCTION lifeecho.begin_erasure(p_user text, p_conversations bigint, OUT begun boolean)
      LANGUAGE plpgsql SET enable_seqscan = off AS $$
      BEGIN
        -- Before the user, as by commands; the user keeps new ones out.
        PERFORM 1 FROM lifeecho.conversations WHERE user_id = p_user ORDER BY conversation_id
          LIMIT p_conversations FOR UPDATE;
        PERFORM 1 FROM lifeecho.users WHERE user_id = p_user FOR UPDATE;
        begun := FOUND;
        IF NOT begun THEN
          begun := EXISTS (SELECT FROM lifeecho.erasures WHERE user_id = p_user);
          RETURN;
        END IF;
        PERFORM lifeecho.erase_conversations(p_user, p_conversations);
        DELETE FROM lifeecho.users WHERE user_id = p_user;
        -- A running recording takes segments without its conversation's lock.
        DELETE FROM lifeecho.voice_sessions WHERE user_id = p_user AND due_at IS NOT NULL;
      END $$;

      -- For servers of the version before: what is left is erased by the others.
      CREATE OR REPLACE FUNCTION lifeecho.delete_user(p_user text, OUT deleted boolean)
      LANGUAGE sql AS $$ SELECT lifeecho.begin_erasure(p_user, 10000) $$;

      -- Erases at most p_rows rows of a user who is gone, with at most p_bytes of audio and what the last row has beyond
      -- that. True: nothing is left.
      CREATE FUNCTION lifeecho.erase_user(p_user text, p_rows bigint, p_bytes bigint, OUT is_over boolean)
      LANGUAGE plpgsql SET enable_seqscan = off AS $$
      DECLARE
        v_rows bigint := p_rows;
        v_count bigint;
        v_table text;
        v_is_left boolean;
      BEGIN
        is_over := false;
        -- One server at a time.
        PERFORM 1 FROM lifeecho.erasures WHERE user_id = p_user FOR UPDATE;
        IF NOT FOUND THEN
          is_over := true;
          RETURN;
        END IF;
        v_rows := v_rows - lifeecho.erase_conversations(p_user, v_rows);
        IF EXISTS (SELECT FROM lifeecho.conversations WHERE user_id = p_user) THEN
          RETURN;
        END IF;
        -- Sessions before their segments, so that nobody recognises these any more.
        FOREACH v_table IN ARRAY ARRAY['voice_sessions', 'audio_segments', 'events', 'messages', 'turns', 'requests',
          'device_positions', 'quota_usage', 'memoir_state', 'memoir_outbox', 'memoir_batches', 'listening_feedback',
          'transcription_usage']
        LOOP
          IF v_table = 'audio_segments' THEN
            DELETE FROM lifeecho.audio_segments WHERE ctid = ANY (ARRAY(
              SELECT place FROM (
                SELECT place, sum(size) OVER (ROWS UNBOUNDED PRECEDING) - size AS size_before FROM (
                  SELECT ctid AS place, coalesce(octet_length(content), 0) AS size FROM lifeecho.audio_segments
                    WHERE user_id = p_user LIMIT v_rows) listed) summed
                WHERE size_before < p_bytes));
          ELSE
            EXECUTE format('DELETE FROM lifeecho.%1$I WHERE ctid = ANY (ARRAY('
              'SELECT ctid FROM lifeecho.%1$I WHERE user_id = $1 LIMIT $2))', v_table) USING p_user, v_rows;
          END IF;
          GET DIAGNOSTICS v_count = ROW_COUNT;
          v_rows := v_rows - v_count;
          EXECUTE format('SELECT EXISTS (SELECT FROM lifeecho.%I WHERE user_id = $1)', v_table)
            INTO v_is_left USING p_user;
          IF v_is_left THEN
            RETURN;
          END IF;
        END LOOP;
        DELETE FROM lifeecho.erasures WHERE user_id = p_user;
        is_over := true;
      END $$;

      -- A user is not made again before the rest of the one before is gone: `created` is null then.
      DO $$
      DECLARE
        v_definition text := pg_get_functiondef(p.oid) FROM pg_proc p
          WHERE p.pronamespace = 'lifeecho'::regnamespace AND p.proname = 'upsert_user';
        v_new text;
      BEGIN
        v_new := replace(v_definition, 'created := FOUND;', 'created := FOUND;
        IF created AND EXISTS (SELECT FROM lifeecho.erasures WHERE user_id = p_user) THEN
          DELETE FROM lifeecho.users WHERE user_id = p_user;
          created := NULL;
          RETURN;
        END IF;');
        IF v_new = v_definition THEN
          RAISE EXCEPTION 'upsert_user is not as it was left';
        END IF;
        EXECUTE v_new;
      END $$;
    """#
}
