extension Migration {
  /// A reply's first piece says when the chat model's first words were there (EventTimings).
  static let firstPieceTime = Migration(
    version: 11, name: "first_piece_time",
    sql: #"""
      -- A second complete_turn, which differs in one more parameter; servers of the version before call the first one.
      DO $$
      DECLARE
        v_definition text := pg_get_functiondef(p.oid) FROM pg_proc p
          WHERE p.pronamespace = 'lifeecho'::regnamespace AND p.proname = 'complete_turn';
        v_new text;
      BEGIN
        v_new := replace(v_definition, 'p_history bigint, OUT answer', 'p_history bigint, p_first_piece bigint, OUT answer');
        v_new := replace(v_new, '''total'', v_count)', '''total'', v_count) || CASE WHEN place = 1 AND p_first_piece IS NOT NULL '
          'THEN jsonb_build_object(''first_piece_time'', p_first_piece) ELSE ''{}'' END');
        IF v_new NOT LIKE '%p_first_piece bigint, OUT%' OR v_new NOT LIKE '%''first_piece_time'', p_first_piece%' THEN
          RAISE EXCEPTION 'complete_turn is not as it was left';
        END IF;
        EXECUTE v_new;
      END $$;
      """#)
}
