SELECT 'table ' || t || ' is a tenant table' AS "check",
  EXISTS (SELECT 1 FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid WHERE c.relname = t AND c.relrowsecurity AND c.relforcerowsecurity AND p.polname = 'tenant') AS ok
FROM unnest(ARRAY['organizations', 'members', 'invitations', 'api_keys']) t
UNION ALL SELECT 'identity table ' || t, to_regclass('public.' || t) IS NOT NULL AND NOT has_table_privilege('atrium_app', 'public.' || t, 'SELECT')
FROM unnest(ARRAY['users', 'sessions', 'api_key_lookups', 'invitation_lookups']) t;
