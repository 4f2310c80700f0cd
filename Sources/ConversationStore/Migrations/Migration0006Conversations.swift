extension Migration {
  /// Ending, deleting, acknowledging, suggesting.
  static let conversations = Migration(
    version: 6, name: "conversations",
    sql: #"""
      -- Outcomes: ok, duplicate (of the request, or ended already; the sequence is that of the event), reused,
      -- user_unknown, forbidden, unknown, deleted.
      CREATE FUNCTION lifeecho.end_conversation(
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
        answer.outcome := 'ok';
        answer.event_time := p_now;
        answer.event_sequences := ARRAY[answer.sequence];
        answer.event_kinds := '{23}'::smallint[];
        answer.event_turns := '{""}';
        answer.event_requests := ARRAY[coalesce(p_request, '')];
        answer.event_payloads := '{"{}"}';
      END $$;

      -- Soft. Open turns end without an event: nobody may read the log any more.
      -- Outcomes: ok (also again), user_unknown, forbidden, unknown.
      CREATE FUNCTION lifeecho.delete_conversation(p_user text, p_conversation text, p_now timestamptz,
          OUT outcome text)
      LANGUAGE plpgsql AS $$
      DECLARE
        v_deleted boolean;
      BEGIN
        SELECT deleted_at IS NOT NULL INTO v_deleted FROM lifeecho.conversations
          WHERE user_id = p_user AND conversation_id = p_conversation FOR NO KEY UPDATE;
        IF NOT FOUND THEN
          outcome := lifeecho.absence(p_user, p_conversation);
          RETURN;
        END IF;
        outcome := 'ok';
        IF v_deleted THEN
          RETURN;
        END IF;
        UPDATE lifeecho.conversations SET deleted_at = p_now, open_turns = 0
          WHERE user_id = p_user AND conversation_id = p_conversation;
        UPDATE lifeecho.turns SET state = 'failed', lease_expires_at = NULL, ended_at = p_now
          WHERE user_id = p_user AND conversation_id = p_conversation AND state IN ('queued', 'running');
      END $$;

      -- The stored position never goes back, and never beyond the head.
      -- Outcomes: ok, user_unknown, forbidden, unknown, deleted.
      CREATE FUNCTION lifeecho.acknowledge(
        p_user text, p_conversation text, p_device text, p_sequence bigint, p_now timestamptz, OUT outcome text,
        OUT sequence bigint
      ) LANGUAGE plpgsql AS $$
      DECLARE
        v_head bigint;
        v_deleted boolean;
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
          RETURNING d.sequence INTO acknowledge.sequence;
      END $$;

      -- Outcomes: ok, user_unknown, forbidden, unknown, deleted.
      CREATE FUNCTION lifeecho.set_chips(
        p_user text, p_conversation text, p_chip_ids text[], p_chip_texts text[], OUT outcome text
      ) LANGUAGE plpgsql AS $$
      BEGIN
        UPDATE lifeecho.conversations SET last_chip_ids = p_chip_ids, last_chip_texts = p_chip_texts
          WHERE user_id = p_user AND conversation_id = p_conversation AND deleted_at IS NULL;
        outcome := CASE WHEN FOUND THEN 'ok' ELSE lifeecho.conversation_status(p_user, p_conversation) END;
      END $$;
      """#)
}
