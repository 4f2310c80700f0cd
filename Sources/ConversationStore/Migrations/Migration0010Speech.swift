extension Migration {
  /// Speech out: the cancel epoch, and what of a reply was heard.
  static let speech = Migration(
    version: 10, name: "speech",
    sql: #"""
      ALTER TABLE lifeecho.conversations
        -- Counts the cancels that silenced something.
        ADD COLUMN cancel_epoch bigint NOT NULL DEFAULT 0,
        -- Replies up to this sequence were cancelled by CancelSpeech.
        ADD COLUMN cancelled_through bigint NOT NULL DEFAULT 0;
      -- What of a reply was heard, where its speech was interrupted at a known position; pieces is what was generated.
      ALTER TABLE lifeecho.messages ADD COLUMN heard_text text;

      -- In every history that a turn is given, an interrupted reply is what was heard of it, after U+0001: so it is
      -- told from a whole one without another column in each answer.
      DO $$
      DECLARE
        v_function record;
        v_count integer := 0;
      BEGIN
        FOR v_function IN
          SELECT pg_get_functiondef(p.oid) AS definition FROM pg_proc p
            WHERE p.pronamespace = 'lifeecho'::regnamespace AND p.prosrc LIKE '%array_to_string(m.pieces, E''\\n'') AS said%'
        LOOP
          EXECUTE replace(v_function.definition, 'array_to_string(m.pieces, E''\n'') AS said',
            'CASE WHEN m.heard_text IS NULL OR m.heard_text = array_to_string(m.pieces, E''\n'') '
            'THEN array_to_string(m.pieces, E''\n'') ELSE E''\x01'' || m.heard_text END AS said');
          v_count := v_count + 1;
        END LOOP;
        IF v_count < 2 THEN
          RAISE EXCEPTION 'the histories of send_text and with_context were not found';
        END IF;
      END $$;

      CREATE TYPE lifeecho.cancel_answer AS (
        outcome text,
        -- As in turn_answer.
        log_epoch text,
        event_time timestamptz,
        event_sequences bigint[],
        event_kinds smallint[],
        event_turns text[],
        event_requests text[],
        event_payloads text[],
        cancel_epoch bigint,
        cancelled_through bigint
      );

      -- Silences the reply of p_turn and all before it; without a turn, or while it has not answered, everything so far.
      -- p_heard is what was heard of the reply whose first piece is at p_reply.
      -- Outcomes: ok, duplicate (of the request, or nothing to cancel), reused, user_unknown, forbidden, unknown,
      -- deleted, turn_unknown.
      CREATE FUNCTION lifeecho.cancel_speech(
        p_user text, p_conversation text, p_turn text, p_reply bigint, p_heard text, p_request text, p_digest bytea,
        p_now timestamptz, OUT answer lifeecho.cancel_answer
      ) LANGUAGE plpgsql SET enable_seqscan = off AS $$
      DECLARE
        v_conversation record;
        v_turn record;
        v_original record;
        v_reply record;
        v_heard record;
        v_through bigint;
        v_is_new boolean;
        v_is_heard boolean := false;
        v_payload jsonb;
      BEGIN
        SELECT head_sequence, log_epoch, cancel_epoch, cancelled_through, deleted_at INTO v_conversation
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
        answer.cancel_epoch := v_conversation.cancel_epoch;
        answer.cancelled_through := v_conversation.cancelled_through;
        v_through := v_conversation.head_sequence;
        IF p_turn IS NOT NULL THEN
          SELECT reply_sequence, end_sequence INTO v_turn FROM lifeecho.turns
            WHERE user_id = p_user AND conversation_id = p_conversation AND turn_id = p_turn;
          IF NOT FOUND THEN
            answer.outcome := 'turn_unknown';
            RETURN;
          END IF;
          IF v_turn.reply_sequence IS NOT NULL THEN
            v_through := v_turn.end_sequence;
          END IF;
        END IF;
        -- The newest reply that becomes silent, or the one that was heard in part.
        SELECT message_id, turn_id, sequence, pieces, heard_text INTO v_reply FROM lifeecho.messages
          WHERE user_id = p_user AND conversation_id = p_conversation AND role = 'agent' AND sequence <= v_through
          ORDER BY sequence DESC LIMIT 1;
        v_is_new := FOUND AND v_reply.sequence > v_conversation.cancelled_through;
        IF p_heard IS NOT NULL THEN
          SELECT message_id, turn_id, sequence, pieces, p_heard AS heard_text INTO v_heard FROM lifeecho.messages
            WHERE user_id = p_user AND conversation_id = p_conversation AND role = 'agent' AND sequence = p_reply
              AND sequence <= v_through AND heard_text IS NULL;
          v_is_heard := FOUND;
        END IF;
        IF v_is_heard THEN
          v_reply := v_heard;
          v_is_new := true;
        END IF;
        IF v_is_new THEN
          answer.cancel_epoch := v_conversation.cancel_epoch + 1;
          answer.cancelled_through := greatest(v_conversation.cancelled_through, v_through);
        END IF;

        answer.outcome := CASE WHEN v_is_new THEN 'ok' ELSE 'duplicate' END;
        IF p_request IS NOT NULL THEN
          -- The sequence of this method's records is the epoch that was answered.
          INSERT INTO lifeecho.requests (user_id, method, request_id, digest, conversation_id, sequence, created_at)
            VALUES (p_user, 'cancel_speech', p_request, p_digest, p_conversation, answer.cancel_epoch, p_now)
            ON CONFLICT DO NOTHING;
          IF NOT FOUND THEN
            SELECT digest, sequence INTO v_original FROM lifeecho.requests
              WHERE user_id = p_user AND method = 'cancel_speech' AND request_id = p_request;
            IF v_original.digest IS DISTINCT FROM p_digest THEN
              answer.outcome := 'reused';
            ELSE
              answer.outcome := 'duplicate';
              answer.cancel_epoch := v_original.sequence;
              answer.cancelled_through := v_conversation.cancelled_through;
            END IF;
            RETURN;
          END IF;
        END IF;
        IF NOT v_is_new THEN
          RETURN;
        END IF;

        IF v_is_heard THEN
          UPDATE lifeecho.messages SET heard_text = p_heard
            WHERE user_id = p_user AND conversation_id = p_conversation AND sequence = v_reply.sequence;
        END IF;
        v_payload := jsonb_build_object('message_id', v_reply.message_id, 'cancelled', true,
          'heard_text', coalesce(v_reply.heard_text, array_to_string(v_reply.pieces, E'\n')),
          'cancel_epoch', answer.cancel_epoch, 'through', answer.cancelled_through);
        INSERT INTO lifeecho.events (user_id, conversation_id, sequence, kind, turn_id, request_id, payload, create_time)
          VALUES (p_user, p_conversation, v_conversation.head_sequence + 1, 22, v_reply.turn_id, p_request, v_payload,
            p_now);
        UPDATE lifeecho.conversations
          SET head_sequence = v_conversation.head_sequence + 1, cancel_epoch = answer.cancel_epoch,
            cancelled_through = answer.cancelled_through
          WHERE user_id = p_user AND conversation_id = p_conversation;
        answer.event_time := p_now;
        answer.event_sequences := ARRAY[v_conversation.head_sequence + 1];
        answer.event_kinds := '{22}'::smallint[];
        answer.event_turns := ARRAY[coalesce(v_reply.turn_id, '')];
        answer.event_requests := ARRAY[coalesce(p_request, '')];
        answer.event_payloads := ARRAY[v_payload::text];
      END $$;
      """#)
}
