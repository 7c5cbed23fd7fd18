UPDATE workflow_runs SET trigger_kind = 'manual' WHERE trigger_kind = 'webhook';
ALTER TABLE workflow_runs DROP CONSTRAINT workflow_runs_trigger_kind_check;
ALTER TABLE workflow_runs ADD CONSTRAINT workflow_runs_trigger_kind_check
  CHECK (trigger_kind IN ('manual', 'schedule', 'event', 'workflow'));
DROP TABLE incoming_webhook_lookups, incoming_webhooks, webhook_deliveries, webhooks;
