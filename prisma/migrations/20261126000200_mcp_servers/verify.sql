SELECT 'table ' || t || ' is a tenant table' AS "check",
  EXISTS (SELECT 1 FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid WHERE c.relname = t AND c.relrowsecurity AND c.relforcerowsecurity AND p.polname = 'tenant') AS ok
FROM unnest(ARRAY['mcp_servers', 'mcp_server_tools']) t;
