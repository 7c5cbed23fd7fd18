SELECT 'http_tools is a tenant table' AS "check",
  EXISTS (SELECT 1 FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid WHERE c.relname = 'http_tools' AND c.relrowsecurity AND c.relforcerowsecurity AND p.polname = 'tenant') AS ok;
