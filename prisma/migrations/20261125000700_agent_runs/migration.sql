-- Cost on a large installation: writes one row of `agent_versions` per agent; agents are few. `approvals` gets a column without a value.
ALTER TABLE agents
  ADD COLUMN without_approval text[] NOT NULL DEFAULT '{}',
  ADD COLUMN limits jsonb NOT NULL DEFAULT '{"steps": 30, "seconds": 300, "tokens": 200000, "approvalSeconds": 600}',
  ADD COLUMN last_seen_at timestamptz;
ALTER TABLE agents ALTER COLUMN without_approval DROP DEFAULT, ALTER COLUMN limits DROP DEFAULT;

-- Immutable: the app may insert and remove, not change.
CREATE TABLE agent_versions (
  org_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  number int NOT NULL,
  instructions text NOT NULL,
  model text,
  tools text[] NOT NULL,
  without_approval text[] NOT NULL,
  capabilities text[] NOT NULL,
  limits jsonb NOT NULL,
  created_by uuid,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, agent_id, number),
  FOREIGN KEY (org_id, agent_id) REFERENCES agents (org_id, id) ON DELETE CASCADE
);
SELECT atrium_tenant_table('agent_versions');
GRANT SELECT, INSERT, DELETE ON agent_versions TO atrium_app;
INSERT INTO agent_versions (org_id, agent_id, number, instructions, model, tools, without_approval, capabilities, limits, created_at)
SELECT org_id, id, version, instructions, model, tools, without_approval, capabilities, limits, updated_at FROM agents;

-- `fence` rises with every process that takes the run up: who holds an older one may not write. `turn` rises whenever the run has to be
-- taken up; `claimed_turn` follows when a process has done so. `parked_at`: nothing is to do before `wake_at` or a wake-up.
CREATE TABLE agent_runs (
  org_id uuid NOT NULL,
  id uuid NOT NULL,
  start_key text,
  agent_id uuid NOT NULL,
  version int NOT NULL,
  status text NOT NULL CHECK (status IN ('pending', 'running', 'waiting', 'succeeded', 'failed', 'cancelled')),
  trigger_kind text NOT NULL CHECK (trigger_kind IN ('manual', 'mention', 'tool', 'workflow')),
  prompt text NOT NULL,
  output text,
  failure_code text,
  failure_message text,
  tools text[] NOT NULL,
  tainted boolean NOT NULL,
  step_count int NOT NULL DEFAULT 0,
  input_tokens int NOT NULL DEFAULT 0,
  output_tokens int NOT NULL DEFAULT 0,
  person_id uuid NOT NULL,
  permissions text[] NOT NULL,
  channel_id uuid,
  question_id uuid,
  answer_id uuid,
  parent_run_id uuid,
  depth int NOT NULL,
  turn int NOT NULL DEFAULT 1,
  claimed_turn int NOT NULL DEFAULT 0,
  fence int NOT NULL DEFAULT 0,
  parked_at timestamptz,
  wake_at timestamptz,
  deadline_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  started_at timestamptz,
  ended_at timestamptz,
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, start_key),
  FOREIGN KEY (org_id, agent_id, version) REFERENCES agent_versions (org_id, agent_id, number) ON DELETE CASCADE
);
CREATE INDEX agent_runs_agent ON agent_runs (org_id, agent_id, id);
CREATE INDEX agent_runs_person ON agent_runs (org_id, person_id, id);
CREATE INDEX agent_runs_status ON agent_runs (org_id, status, id);
CREATE INDEX agent_runs_due ON agent_runs (ended_at, wake_at);
SELECT atrium_tenant_table('agent_runs');
GRANT SELECT, INSERT, UPDATE, DELETE ON agent_runs TO atrium_app;
GRANT SELECT (org_id, id, turn, claimed_turn, parked_at, wake_at, updated_at, ended_at) ON agent_runs TO atrium_system;
CREATE POLICY sweep ON agent_runs FOR SELECT TO atrium_system USING (true);

-- What a run did, in order: what the model said and asked for, and what came of each call.
CREATE TABLE agent_run_steps (
  org_id uuid NOT NULL,
  run_id uuid NOT NULL,
  number int NOT NULL,
  kind text NOT NULL CHECK (kind IN ('model', 'tool')),
  status text NOT NULL CHECK (status IN ('running', 'waiting', 'succeeded', 'failed', 'refused', 'outcome_unknown', 'cancelled')),
  text text,
  calls jsonb NOT NULL,
  input_tokens int NOT NULL DEFAULT 0,
  output_tokens int NOT NULL DEFAULT 0,
  call_id text,
  tool text,
  arguments jsonb,
  output jsonb,
  sources jsonb NOT NULL,
  approval_id uuid,
  failure_code text,
  failure_message text,
  started_at timestamptz NOT NULL,
  ended_at timestamptz,
  PRIMARY KEY (org_id, run_id, number),
  FOREIGN KEY (org_id, run_id) REFERENCES agent_runs (org_id, id) ON DELETE CASCADE
);
CREATE INDEX agent_run_steps_approval ON agent_run_steps (org_id, approval_id);
SELECT atrium_tenant_table('agent_run_steps');
GRANT SELECT, INSERT, UPDATE, DELETE ON agent_run_steps TO atrium_app;

ALTER TABLE approvals ADD COLUMN channel_id uuid;
CREATE INDEX approvals_channel ON approvals (org_id, channel_id, id);
