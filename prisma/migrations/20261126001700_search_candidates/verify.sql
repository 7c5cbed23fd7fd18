SELECT f || ' belongs to atrium_search' AS "check", EXISTS (SELECT 1 FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner WHERE p.proname = f AND r.rolname = 'atrium_search' AND p.prosecdef) AS ok
FROM unnest(ARRAY['search_ranked', 'search_nearest', 'search_features']) f
UNION ALL SELECT 'search_candidates runs as its caller', EXISTS (SELECT 1 FROM pg_proc WHERE proname = 'search_candidates' AND NOT prosecdef)
UNION ALL SELECT 'only atrium_search asks search_wanted', has_function_privilege('atrium_search', p.oid, 'EXECUTE') AND NOT has_function_privilege('atrium_app', p.oid, 'EXECUTE') FROM pg_proc p WHERE p.proname = 'search_wanted';
