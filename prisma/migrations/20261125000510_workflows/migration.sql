-- Cost on a large installation: none, it only creates.
CREATE TABLE workflows (
  org_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL,
  description text NOT NULL,
  version int NOT NULL,
  trigger_events text[] NOT NULL,
  created_by uuid NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, name)
);
SELECT atrium_tenant_table('workflows');
GRANT SELECT, INSERT, UPDATE, DELETE ON workflows TO atrium_app;

-- Immutable: the app may insert and remove, not change.
CREATE TABLE workflow_versions (
  org_id uuid NOT NULL,
  workflow_id uuid NOT NULL,
  number int NOT NULL,
  definition jsonb NOT NULL,
  created_by uuid NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, workflow_id, number),
  FOREIGN KEY (org_id, workflow_id) REFERENCES workflows (org_id, id) ON DELETE CASCADE
);
SELECT atrium_tenant_table('workflow_versions');
GRANT SELECT, INSERT, DELETE ON workflow_versions TO atrium_app;

-- `fence` rises with every process that takes the run up: who holds an older one may not write. `turn` rises whenever the run has to be
-- taken up; `claimed_turn` follows when a process has done so. `parked`: nothing is to do before `wake_at` or a wake-up.
CREATE TABLE workflow_runs (
  org_id uuid NOT NULL,
  id uuid NOT NULL,
  start_key text,
  workflow_id uuid NOT NULL,
  version int NOT NULL,
  status text NOT NULL CHECK (status IN ('pending', 'running', 'waiting', 'succeeded', 'failed', 'cancelled')),
  input jsonb NOT NULL,
  output jsonb,
  failure_code text,
  failure_message text,
  failure_step text,
  trigger_kind text NOT NULL CHECK (trigger_kind IN ('manual', 'schedule', 'event', 'workflow')),
  actor_kind text NOT NULL CHECK (actor_kind IN ('user', 'agent')),
  actor_id uuid NOT NULL,
  person_id uuid NOT NULL,
  permissions text[] NOT NULL,
  parent_run_id uuid,
  depth int NOT NULL,
  turn int NOT NULL DEFAULT 1,
  claimed_turn int NOT NULL DEFAULT 0,
  fence int NOT NULL DEFAULT 0,
  parked boolean NOT NULL DEFAULT false,
  wake_at timestamptz,
  deadline_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  started_at timestamptz,
  ended_at timestamptz,
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, start_key),
  FOREIGN KEY (org_id, workflow_id, version) REFERENCES workflow_versions (org_id, workflow_id, number) ON DELETE CASCADE
);
CREATE INDEX workflow_runs_workflow ON workflow_runs (org_id, workflow_id, id);
CREATE INDEX workflow_runs_status ON workflow_runs (org_id, status, id);
CREATE INDEX workflow_runs_parent ON workflow_runs (org_id, parent_run_id);
CREATE INDEX workflow_runs_due ON workflow_runs (ended_at, wake_at);
CREATE INDEX idx_workflow_executions_error_analysis ON workflow_runs (org_id, workflow_id, failure_step, failure_code, ended_at);
SELECT atrium_tenant_table('workflow_runs');
GRANT SELECT, INSERT, UPDATE, DELETE ON workflow_runs TO atrium_app;
GRANT SELECT (org_id, id, turn, claimed_turn, parked, wake_at, updated_at, ended_at) ON workflow_runs TO atrium_system;
CREATE POLICY sweep ON workflow_runs FOR SELECT TO atrium_system USING (true);

-- One row per step that was reached; of a fan-out one more per item (`item` from 0; -1 is the step itself). `edition` changes when a
-- step is to be done anew, so that its effect has another idempotency key.
CREATE TABLE workflow_steps (
  org_id uuid NOT NULL,
  run_id uuid NOT NULL,
  step_id text NOT NULL,
  item int NOT NULL,
  kind text NOT NULL,
  status text NOT NULL CHECK (status IN ('pending', 'running', 'waiting', 'succeeded', 'failed', 'skipped', 'cancelled', 'compensated')),
  attempt int NOT NULL,
  edition int NOT NULL,
  input jsonb,
  output jsonb,
  failure_code text,
  failure_message text,
  wake_at timestamptz,
  signal jsonb,
  approval_id uuid,
  child_run_id uuid,
  started_at timestamptz,
  ended_at timestamptz,
  PRIMARY KEY (org_id, run_id, step_id, item),
  FOREIGN KEY (org_id, run_id) REFERENCES workflow_runs (org_id, id) ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX workflow_steps_approval ON workflow_steps (org_id, approval_id);
SELECT atrium_tenant_table('workflow_steps');
GRANT SELECT, INSERT, UPDATE, DELETE ON workflow_steps TO atrium_app;

CREATE TABLE workflow_schedules (
  org_id uuid NOT NULL,
  id uuid NOT NULL,
  workflow_id uuid NOT NULL,
  version int NOT NULL,
  cron text NOT NULL,
  time_zone text NOT NULL,
  input jsonb NOT NULL,
  enabled boolean NOT NULL,
  created_by uuid NOT NULL,
  permissions text[] NOT NULL,
  next_at timestamptz,
  last_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, workflow_id, version) REFERENCES workflow_versions (org_id, workflow_id, number) ON DELETE CASCADE
);
CREATE INDEX workflow_schedules_due ON workflow_schedules (enabled, next_at);
CREATE INDEX workflow_schedules_workflow ON workflow_schedules (org_id, workflow_id, id);
SELECT atrium_tenant_table('workflow_schedules');
GRANT SELECT, INSERT, UPDATE, DELETE ON workflow_schedules TO atrium_app;
GRANT SELECT (org_id, id, enabled, next_at) ON workflow_schedules TO atrium_system;
CREATE POLICY sweep ON workflow_schedules FOR SELECT TO atrium_system USING (true);
