SELECT 'table ' || t || ' is a tenant table' AS "check",
  EXISTS (SELECT 1 FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid WHERE c.relname = t AND c.relrowsecurity AND c.relforcerowsecurity AND p.polname = 'tenant') AS ok
FROM unnest(ARRAY['webhooks', 'webhook_deliveries', 'incoming_webhooks']) t
UNION ALL
SELECT 'the app may not look up secrets of incoming webhooks', NOT has_table_privilege('atrium_app', 'incoming_webhook_lookups', 'SELECT')
UNION ALL
SELECT 'runs may be started by a webhook', pg_get_constraintdef(oid) LIKE '%webhook%' FROM pg_constraint WHERE conname = 'workflow_runs_trigger_kind_check';
