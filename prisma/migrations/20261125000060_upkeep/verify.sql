SELECT 'identity counts failed sign-ins, the app cannot' AS "check",
  has_table_privilege('atrium_identity', 'sign_in_attempts', 'INSERT') AND NOT has_table_privilege('atrium_app', 'sign_in_attempts', 'SELECT') AS ok
UNION ALL SELECT 'ended sessions have an index', to_regclass('sessions_revoked') IS NOT NULL
UNION ALL SELECT 'channels know that they were removed',
  EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'channels'::regclass AND attname = 'removed_at' AND NOT attisdropped)
UNION ALL SELECT 'veils are a tenant table',
  EXISTS (SELECT FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid WHERE c.relname = 'search_veils' AND c.relforcerowsecurity AND p.polname = 'tenant');
