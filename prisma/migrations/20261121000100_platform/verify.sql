SELECT 'table ' || t AS "check", to_regclass('public.' || t) IS NOT NULL AS ok
FROM unnest(ARRAY['installation', 'durable_executors', 'idempotency_keys', 'anonymous_idempotency_keys', 'event_heads', 'events', 'event_texts',
  'event_seals', 'event_cursors', 'event_failures', 'search_units', 'search_terms', 'search_totals', 'search_debts']) t
UNION ALL SELECT 'role ' || r, EXISTS (SELECT 1 FROM pg_roles WHERE rolname = r AND NOT rolcanlogin AND NOT rolsuper AND NOT rolbypassrls)
FROM unnest(ARRAY['atrium_app', 'atrium_identity', 'atrium_system', 'atrium_search']) r
UNION ALL SELECT 'a partition for this month', to_regclass('public.events_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')) IS NOT NULL
UNION ALL SELECT 'the default partition is empty', NOT EXISTS (SELECT 1 FROM events_default)
UNION ALL SELECT 'search_ranked belongs to atrium_search', EXISTS (SELECT 1 FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner WHERE p.proname = 'search_ranked' AND r.rolname = 'atrium_search' AND p.prosecdef);
