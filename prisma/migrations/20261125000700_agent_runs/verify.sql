SELECT 'table ' || t || ' is a tenant table' AS "check",
  EXISTS (SELECT 1 FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid WHERE c.relname = t AND c.relrowsecurity AND c.relforcerowsecurity AND p.polname = 'tenant') AS ok
FROM unnest(ARRAY['agent_versions', 'agent_runs', 'agent_run_steps']) t
UNION ALL SELECT 'every agent has the version that it names',
  NOT EXISTS (SELECT 1 FROM agents a WHERE NOT EXISTS (SELECT 1 FROM agent_versions v WHERE v.org_id = a.org_id AND v.agent_id = a.id AND v.number = a.version));
