-- Cost on a large installation: it creates, and reads `workflow_runs` once to check the widened list of triggers, without a lock against
-- reading and writing meanwhile.
-- `seq`: up to where in the log its deliveries are written.
CREATE TABLE webhooks (
  org_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL,
  url text NOT NULL,
  events text[] NOT NULL,
  enabled boolean NOT NULL,
  disabled_reason text CHECK (disabled_reason IN ('manual', 'gone', 'failing', 'owner_gone')),
  owner_id uuid NOT NULL,
  permissions text[] NOT NULL,
  secret bytea NOT NULL,
  previous_secret bytea,
  previous_secret_until timestamptz,
  seq bigint NOT NULL,
  failing_since timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id)
);
SELECT atrium_tenant_table('webhooks');
GRANT SELECT, INSERT, UPDATE, DELETE ON webhooks TO atrium_app;
GRANT SELECT (org_id, id, enabled, seq) ON webhooks TO atrium_system;
CREATE POLICY sweep ON webhooks FOR SELECT TO atrium_system USING (true);

-- `attempt` rises with every send and guards what a sender writes about it. `next_attempt_at` is also the lease of the send under way: a
-- process that dies leaves it to the next one.
CREATE TABLE webhook_deliveries (
  org_id uuid NOT NULL,
  id uuid NOT NULL,
  webhook_id uuid NOT NULL,
  event_id uuid NOT NULL,
  event_seq bigint NOT NULL,
  event_type text NOT NULL,
  status text NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
  attempt int NOT NULL,
  response_status int,
  duration_ms int,
  failure text,
  next_attempt_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, webhook_id, event_id),
  FOREIGN KEY (org_id, webhook_id) REFERENCES webhooks (org_id, id) ON DELETE CASCADE
) WITH (fillfactor = 80);
CREATE INDEX webhook_deliveries_log ON webhook_deliveries (org_id, webhook_id, id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (org_id, webhook_id, next_attempt_at);
CREATE INDEX webhook_deliveries_age ON webhook_deliveries (created_at);
SELECT atrium_tenant_table('webhook_deliveries');
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_deliveries TO atrium_app;
GRANT SELECT (org_id, id, webhook_id, next_attempt_at, created_at) ON webhook_deliveries TO atrium_system;
CREATE POLICY sweep ON webhook_deliveries FOR SELECT TO atrium_system USING (true);

CREATE TABLE incoming_webhooks (
  org_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL,
  prefix text NOT NULL,
  target_kind text NOT NULL CHECK (target_kind IN ('channel', 'workflow')),
  target_id uuid NOT NULL,
  agent_id uuid,
  owner_id uuid NOT NULL,
  permissions text[] NOT NULL,
  last_used_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id),
  CHECK ((target_kind = 'channel') = (agent_id IS NOT NULL))
);
SELECT atrium_tenant_table('incoming_webhooks');
GRANT SELECT, INSERT, UPDATE, DELETE ON incoming_webhooks TO atrium_app;

CREATE TABLE incoming_webhook_lookups (
  secret_hash text PRIMARY KEY,
  org_id uuid NOT NULL,
  incoming_webhook_id uuid NOT NULL
);
CREATE INDEX incoming_webhook_lookups_webhook ON incoming_webhook_lookups (org_id, incoming_webhook_id);
GRANT SELECT, INSERT, DELETE ON incoming_webhook_lookups TO atrium_identity;

ALTER TABLE workflow_runs DROP CONSTRAINT workflow_runs_trigger_kind_check;
ALTER TABLE workflow_runs ADD CONSTRAINT workflow_runs_trigger_kind_check
  CHECK (trigger_kind IN ('manual', 'schedule', 'event', 'workflow', 'webhook')) NOT VALID;
ALTER TABLE workflow_runs VALIDATE CONSTRAINT workflow_runs_trigger_kind_check;
