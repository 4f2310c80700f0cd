extension Migration {
  /// Whose erasure has begun has no conversation any more, however many there are.
  static let erasedConversations = Migration(
    version: 17, name: "erased_conversations",
    sql: #"""
      -- Every command looks its conversation up with these words. The table of erasures is nearly always empty.
      DO $$
      DECLARE
        v_function record;
        v_count integer := 0;
      BEGIN
        FOR v_function IN
          SELECT pg_get_functiondef(p.oid) AS definition FROM pg_proc p
            WHERE p.pronamespace = 'lifeecho'::regnamespace AND p.prosrc ~
              'INTO [^;]*\sFROM lifeecho\.conversations\s+WHERE user_id = p_user AND conversation_id = p_conversation\M|PERFORM 1 FROM lifeecho\.conversations WHERE user_id = p_user AND conversation_id = p_conversation\M'
        LOOP
          EXECUTE regexp_replace(v_function.definition,
            '(?<!DELETE )(FROM lifeecho\.conversations\s+WHERE user_id = p_user AND conversation_id = p_conversation)\M',
            '\1 AND NOT EXISTS (SELECT FROM lifeecho.erasures WHERE user_id = p_user)', 'g');
          v_count := v_count + 1;
        END LOOP;
        IF v_count < 15 THEN
          RAISE EXCEPTION 'only % commands look their conversation up as was expected', v_count;
        END IF;
      END $$;
      """#)
}
