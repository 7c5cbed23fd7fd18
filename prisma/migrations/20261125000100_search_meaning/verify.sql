SELECT 'units have a time of validity' AS "check", count(*) = 2 AS ok
FROM information_schema.columns WHERE table_schema = 'public' AND table_name = 'search_units' AND column_name IN ('valid_from', 'valid_to') AND data_type = 'timestamp with time zone'
UNION ALL SELECT 'search_ranked belongs to atrium_search', EXISTS (SELECT 1 FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner WHERE p.proname = 'search_ranked' AND r.rolname = 'atrium_search' AND p.prosecdef)
UNION ALL SELECT 'search_ranked asks when a unit holds', EXISTS (SELECT 1 FROM pg_proc WHERE proname = 'search_ranked' AND 'p_as_of' = ANY (proargnames));
