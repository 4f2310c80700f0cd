extension Migration {
  /// Every table of the foundation (design §6).
  static let tables = Migration(
    version: 1, name: "tables",
    sql: #"""
      CREATE SCHEMA IF NOT EXISTS lifeecho;

      -- Ids compare byte by byte whatever the database's collation is: faster, and no index breaks when a libc
      -- changes.

      CREATE TABLE lifeecho.users (
        user_id text COLLATE "C" PRIMARY KEY,
        nickname text,
        birth_year integer,
        birth_place text,
        grew_up_place text,
        occupation text,
        declined text[] NOT NULL DEFAULT '{}',
        tier text NOT NULL DEFAULT 'free',
        time_zone text NOT NULL DEFAULT 'Asia/Shanghai',
        -- time_zone when PostgreSQL knows it, else Asia/Shanghai: decides the quota's day.
        day_zone text NOT NULL DEFAULT 'Asia/Shanghai',
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL
      ) WITH (fillfactor = 80);

      -- The interview state of a user; written with every reply, guarded by its version.
      -- Not compressed: that costs more than writing it.
      CREATE TABLE lifeecho.memoir_state (
        user_id text COLLATE "C" PRIMARY KEY,
        state text NOT NULL DEFAULT '',
        stage text NOT NULL DEFAULT '',
        version bigint NOT NULL DEFAULT 0
      ) WITH (fillfactor = 50, toast_tuple_target = 8160);
      ALTER TABLE lifeecho.memoir_state ALTER COLUMN state SET STORAGE EXTERNAL;

      -- Conversation ids are one name space for all users. '' owns the ids of erased users.
      CREATE TABLE lifeecho.conversation_owners (
        conversation_id text COLLATE "C" PRIMARY KEY,
        user_id text COLLATE "C" NOT NULL
      );

      -- Every command on a conversation locks its row first; head_sequence is what makes the log gapless. No index but
      -- the key: each command updates the row, and heap-only updates need that.
      CREATE TABLE lifeecho.conversations (
        user_id text COLLATE "C" NOT NULL,
        conversation_id text COLLATE "C" NOT NULL,
        status text NOT NULL DEFAULT 'active',
        stage text NOT NULL DEFAULT '',
        head_sequence bigint NOT NULL DEFAULT 0,
        log_epoch text NOT NULL,
        message_count bigint NOT NULL DEFAULT 0,
        last_message_at timestamptz,
        turn_count integer NOT NULL DEFAULT 0,
        -- Turns that are queued or running.
        open_turns integer NOT NULL DEFAULT 0,
        last_chip_ids text[],
        last_chip_texts text[],
        awaits_profile_answer boolean NOT NULL DEFAULT false,
        started_at timestamptz NOT NULL,
        ended_at timestamptz,
        ended_sequence bigint,
        deleted_at timestamptz,
        PRIMARY KEY (user_id, conversation_id)
      ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

      CREATE TABLE lifeecho.events (
        user_id text COLLATE "C" NOT NULL,
        conversation_id text COLLATE "C" NOT NULL,
        sequence bigint NOT NULL,
        -- The field number of the event in ConversationEvent.
        kind smallint NOT NULL,
        turn_id text COLLATE "C",
        request_id text COLLATE "C",
        payload jsonb NOT NULL,
        create_time timestamptz NOT NULL,
        PRIMARY KEY (user_id, conversation_id, sequence)
      );

      CREATE TABLE lifeecho.messages (
        user_id text COLLATE "C" NOT NULL,
        conversation_id text COLLATE "C" NOT NULL,
        -- Of its first event.
        sequence bigint NOT NULL,
        message_id text COLLATE "C" NOT NULL,
        role text NOT NULL,
        source text NOT NULL,
        pieces text[] NOT NULL,
        turn_id text COLLATE "C",
        -- A turn's history is what belongs to earlier turns, whenever it was written.
        turn_ordinal integer NOT NULL,
        chip_id text,
        create_time timestamptz NOT NULL,
        PRIMARY KEY (user_id, conversation_id, sequence)
      );

      CREATE TABLE lifeecho.turns (
        user_id text COLLATE "C" NOT NULL,
        conversation_id text COLLATE "C" NOT NULL,
        turn_id text COLLATE "C" NOT NULL,
        ordinal integer NOT NULL,
        kind text NOT NULL,
        state text NOT NULL,
        lease_owner text,
        lease_number bigint NOT NULL DEFAULT 0,
        lease_expires_at timestamptz,
        attempt integer NOT NULL DEFAULT 0,
        request_id text COLLATE "C",
        -- Of the message to answer; null in greetings.
        message_sequence bigint,
        reply_message_id text COLLATE "C",
        reply_sequence bigint,
        end_sequence bigint,
        failure text,
        created_at timestamptz NOT NULL,
        ended_at timestamptz,
        PRIMARY KEY (user_id, conversation_id, turn_id)
      ) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

      -- As small as the work in hand: for the next turn of a conversation, renewals and claims.
      CREATE INDEX turns_open ON lifeecho.turns (user_id, conversation_id, ordinal)
        WHERE state IN ('queued', 'running');

      -- What a command with an id did, for 30 days.
      CREATE TABLE lifeecho.requests (
        user_id text COLLATE "C" NOT NULL,
        method text COLLATE "C" NOT NULL,
        request_id text COLLATE "C" NOT NULL,
        digest bytea NOT NULL,
        conversation_id text COLLATE "C" NOT NULL,
        message_id text COLLATE "C",
        turn_id text COLLATE "C",
        sequence bigint NOT NULL,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (user_id, method, request_id)
      );
      CREATE INDEX requests_created ON lifeecho.requests USING brin (created_at)
        WITH (pages_per_range = 32, autosummarize = on);

      CREATE TABLE lifeecho.device_positions (
        user_id text COLLATE "C" NOT NULL,
        conversation_id text COLLATE "C" NOT NULL,
        device_id text COLLATE "C" NOT NULL,
        sequence bigint NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (user_id, conversation_id, device_id)
      ) WITH (fillfactor = 70);

      CREATE TABLE lifeecho.quota_usage (
        user_id text COLLATE "C" NOT NULL,
        day date NOT NULL,
        turns_used integer NOT NULL DEFAULT 0,
        turns_reserved integer NOT NULL DEFAULT 0,
        speech_used_ms bigint NOT NULL DEFAULT 0,
        speech_reserved_ms bigint NOT NULL DEFAULT 0,
        PRIMARY KEY (user_id, day)
      ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

      -- User messages that wait for the memoir: no chips, no profile answers. The text is in messages.
      CREATE TABLE lifeecho.memoir_outbox (
        user_id text COLLATE "C" NOT NULL,
        conversation_id text COLLATE "C" NOT NULL,
        sequence bigint NOT NULL,
        message_id text COLLATE "C" NOT NULL,
        stage text NOT NULL,
        characters integer NOT NULL,
        flush_requested boolean NOT NULL DEFAULT false,
        batch_id text COLLATE "C",
        create_time timestamptz NOT NULL,
        PRIMARY KEY (user_id, conversation_id, sequence)
      ) WITH (fillfactor = 90);

      CREATE TABLE lifeecho.memoir_batches (
        user_id text COLLATE "C" NOT NULL,
        batch_id text COLLATE "C" NOT NULL,
        state text NOT NULL,
        lease_token text,
        lease_expires_at timestamptz,
        attempt integer NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (user_id, batch_id)
      );
      """#)
}
