SELECT 'table ' || t || ' is a tenant table' AS "check",
  EXISTS (SELECT 1 FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid WHERE c.relname = t AND c.relrowsecurity AND c.relforcerowsecurity AND p.polname = 'tenant') AS ok
FROM unnest(ARRAY['search_vectors', 'search_vectors_0', 'search_vectors_15', 'search_pending']) t
UNION ALL SELECT 'vectors have 16 partitions', count(*) = 16 FROM pg_inherits WHERE inhparent = 'search_vectors'::regclass
UNION ALL SELECT f || ' belongs to atrium_search', EXISTS (SELECT 1 FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner WHERE p.proname = f AND r.rolname = 'atrium_search' AND p.prosecdef)
FROM unnest(ARRAY['search_nearest', 'search_features']) f
UNION ALL SELECT 'messages have a place', NOT EXISTS (SELECT 1 FROM search_units u JOIN messages m ON m.org_id = u.org_id AND m.id = u.id WHERE u.kind = 'message' AND u.place IS NULL);
