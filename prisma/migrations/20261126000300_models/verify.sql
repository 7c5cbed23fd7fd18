SELECT 'table ' || t || ' is a tenant table' AS "check",
  EXISTS (SELECT 1 FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid WHERE c.relname = t AND c.relrowsecurity AND c.relforcerowsecurity AND p.polname = 'tenant') AS ok
FROM unnest(ARRAY['model_providers', 'model_budgets', 'model_calls', 'model_spendings']) t
UNION ALL
SELECT 'runs, steps and turns know what they cost', count(*) = 3 FROM information_schema.columns
WHERE table_name IN ('agent_runs', 'agent_run_steps', 'agent_turns') AND column_name = 'cost_micros';
