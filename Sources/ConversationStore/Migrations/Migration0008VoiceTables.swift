extension Migration {
  /// Speech: voice sessions, their segments, and what is rationed by the hour (design §6, §7).
  static let voiceTables = Migration(
    version: 8, name: "voice_tables",
    sql: #"""
      -- One recording; a reused id gets a new generation. The row says what is durable, so that a segment costs one
      -- read and one heap-only update of it however many came before.
      CREATE TABLE lifeecho.voice_sessions (
        user_id text COLLATE "C" NOT NULL,
        conversation_id text COLLATE "C" NOT NULL,
        session_id text COLLATE "C" NOT NULL,
        generation integer NOT NULL,
        -- recording, transcribing (the last segment is known), completed, failed, abandoned.
        state text NOT NULL DEFAULT 'recording',
        -- No turn answers it, and it does not reopen the conversation.
        is_abandoned boolean NOT NULL DEFAULT false,
        kind text NOT NULL,
        format text,
        -- Of the segment marked as last, and when it came.
        last_index integer,
        last_at timestamptz,
        -- Every segment up to here is durable; `later` has those beyond it.
        durable_through integer NOT NULL DEFAULT -1,
        later int4multirange NOT NULL DEFAULT '{}',
        segment_count integer NOT NULL DEFAULT 0,
        -- Segments whose recognition has not ended.
        open_segments integer NOT NULL DEFAULT 0,
        -- As the client measured it, and what the quota is charged.
        duration_ms bigint NOT NULL DEFAULT 0,
        charged_ms bigint NOT NULL DEFAULT 0,
        -- The StreamAudio call that brought index 0: other bytes for it from another call are a new generation.
        first_stream text COLLATE "C",
        -- The local day whose quota holds the reserved turn.
        quota_day date NOT NULL,
        message_id text COLLATE "C",
        -- When somebody should look whether it has ended; null: it has. Moved forward by whoever looks, not by every
        -- segment.
        due_at timestamptz,
        -- From then on its audio may be deleted; null before it has ended, and after the deletion.
        audio_expires_at timestamptz,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (user_id, conversation_id, session_id, generation)
      ) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0.05);

      -- Both as small as the work in hand.
      CREATE INDEX voice_sessions_due ON lifeecho.voice_sessions (due_at) WHERE due_at IS NOT NULL;
      CREATE INDEX voice_sessions_open ON lifeecho.voice_sessions (user_id, conversation_id) WHERE due_at IS NOT NULL;
      CREATE INDEX voice_sessions_audio ON lifeecho.voice_sessions (audio_expires_at)
        WHERE audio_expires_at IS NOT NULL;

      -- A segment is also the job of recognising it.
      CREATE TABLE lifeecho.audio_segments (
        user_id text COLLATE "C" NOT NULL,
        conversation_id text COLLATE "C" NOT NULL,
        session_id text COLLATE "C" NOT NULL,
        generation integer NOT NULL,
        index integer NOT NULL,
        sha256 bytea NOT NULL,
        duration_ms bigint NOT NULL,
        is_last boolean NOT NULL,
        -- On the client's clock.
        record_time timestamptz,
        received_at timestamptz NOT NULL,
        stored_at timestamptz NOT NULL,
        -- False when it was recognised, or given up.
        is_open boolean NOT NULL DEFAULT true,
        lease_owner text,
        lease_number bigint NOT NULL DEFAULT 0,
        lease_expires_at timestamptz,
        not_before timestamptz,
        -- Times it was taken up, by servers that died in it too; times an engine failed.
        attempts integer NOT NULL DEFAULT 0,
        failures integer NOT NULL DEFAULT 0,
        failure text,
        recognizer text,
        recognized_at timestamptz,
        transcript text,
        -- Null when its time is over (`audio_expires_at`).
        content bytea,
        PRIMARY KEY (user_id, conversation_id, session_id, generation, index)
      ) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);
      -- Audio is compressed already: PostgreSQL should not try.
      ALTER TABLE lifeecho.audio_segments ALTER COLUMN content SET STORAGE EXTERNAL;
      CREATE INDEX audio_segments_open ON lifeecho.audio_segments (stored_at) WHERE is_open;

      -- Once per voice session, whatever connection or server it is on.
      CREATE TABLE lifeecho.listening_feedback (
        user_id text COLLATE "C" NOT NULL,
        conversation_id text COLLATE "C" NOT NULL,
        session_id text COLLATE "C" NOT NULL,
        generation integer NOT NULL,
        armed_at timestamptz NOT NULL,
        fired_at timestamptz,
        PRIMARY KEY (user_id, conversation_id, session_id, generation)
      );
      CREATE INDEX listening_feedback_armed ON lifeecho.listening_feedback USING brin (armed_at);

      -- What Transcribe has used of the running hour.
      CREATE TABLE lifeecho.transcription_usage (
        user_id text COLLATE "C" PRIMARY KEY,
        hour_start timestamptz NOT NULL,
        calls integer NOT NULL,
        speech_ms bigint NOT NULL
      ) WITH (fillfactor = 50);

      ALTER TABLE lifeecho.messages ADD COLUMN voice_session_id text COLLATE "C";

      -- Speech goes with its owner, whoever deletes.
      CREATE FUNCTION lifeecho.erase_voice() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        DELETE FROM lifeecho.voice_sessions WHERE user_id = OLD.user_id;
        DELETE FROM lifeecho.audio_segments WHERE user_id = OLD.user_id;
        DELETE FROM lifeecho.listening_feedback WHERE user_id = OLD.user_id;
        DELETE FROM lifeecho.transcription_usage WHERE user_id = OLD.user_id;
        RETURN NULL;
      END $$;
      CREATE TRIGGER erase_voice AFTER DELETE ON lifeecho.users
        FOR EACH ROW EXECUTE FUNCTION lifeecho.erase_voice();

      -- A deleted conversation's speech is not recognised any more, its reserved turns are given back, and its audio is
      -- due for deletion.
      CREATE FUNCTION lifeecho.hide_voice() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        WITH ended AS (
          UPDATE lifeecho.voice_sessions SET due_at = NULL, state = 'failed', open_segments = 0
            WHERE user_id = NEW.user_id AND conversation_id = NEW.conversation_id AND due_at IS NOT NULL
            RETURNING quota_day
        )
        UPDATE lifeecho.quota_usage q SET turns_reserved = greatest(0, q.turns_reserved - e.count)
          FROM (SELECT quota_day, count(*)::integer FROM ended GROUP BY quota_day) e
          WHERE q.user_id = NEW.user_id AND q.day = e.quota_day;
        UPDATE lifeecho.voice_sessions SET audio_expires_at = NEW.deleted_at
          WHERE user_id = NEW.user_id AND conversation_id = NEW.conversation_id;
        UPDATE lifeecho.audio_segments SET is_open = false
          WHERE user_id = NEW.user_id AND conversation_id = NEW.conversation_id AND is_open;
        RETURN NULL;
      END $$;
      CREATE TRIGGER hide_voice AFTER UPDATE OF deleted_at ON lifeecho.conversations
        FOR EACH ROW WHEN (NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL)
        EXECUTE FUNCTION lifeecho.hide_voice();
      """#)
}
