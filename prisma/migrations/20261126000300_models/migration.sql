-- Cost on a large installation: it creates, and adds columns with a constant default, which rewrites nothing.
CREATE TABLE model_providers (
  org_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL,
  base_url text NOT NULL,
  api_key bytea,
  key_hint text,
  models jsonb NOT NULL,
  enabled boolean NOT NULL,
  position int NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, name),
  CHECK ((api_key IS NULL) = (key_hint IS NULL))
);
SELECT atrium_tenant_table('model_providers');
GRANT SELECT, INSERT, UPDATE, DELETE ON model_providers TO atrium_app;

-- `subject_id`: the organization's own id in its scope. `told_percent` of `told_month` was told to administrators.
CREATE TABLE model_budgets (
  org_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  scope text NOT NULL CHECK (scope IN ('organization', 'agent', 'person')),
  subject_id uuid NOT NULL,
  cost_micros bigint,
  tokens bigint,
  told_month text,
  told_percent int NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, scope, subject_id)
);
SELECT atrium_tenant_table('model_budgets');
GRANT SELECT, INSERT, UPDATE, DELETE ON model_budgets TO atrium_app;

-- One call of a model. It is written before the call with what it may use at most, and again when it has ended, with what it used: of a
-- process that dies in between the first figures stay.
CREATE TABLE model_calls (
  org_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  agent_id uuid,
  person_id uuid,
  purpose text NOT NULL CHECK (purpose IN ('run', 'answer', 'extraction', 'test')),
  provider text,
  model text NOT NULL,
  input_tokens bigint NOT NULL,
  output_tokens bigint NOT NULL,
  cost_micros bigint NOT NULL,
  estimated boolean NOT NULL,
  created_at timestamptz NOT NULL,
  settled_at timestamptz,
  PRIMARY KEY (org_id, id)
);
CREATE INDEX model_calls_time ON model_calls (org_id, created_at);
CREATE INDEX model_calls_person ON model_calls (org_id, person_id, created_at);
SELECT atrium_tenant_table('model_calls');
GRANT SELECT, INSERT, UPDATE, DELETE ON model_calls TO atrium_app;

-- What the calls of a month sum up to, for each that may have a budget.
CREATE TABLE model_spendings (
  org_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  month text NOT NULL,
  scope text NOT NULL CHECK (scope IN ('organization', 'agent', 'person')),
  subject_id uuid NOT NULL,
  cost_micros bigint NOT NULL,
  tokens bigint NOT NULL,
  PRIMARY KEY (org_id, month, scope, subject_id)
) WITH (fillfactor = 70);
SELECT atrium_tenant_table('model_spendings');
GRANT SELECT, INSERT, UPDATE, DELETE ON model_spendings TO atrium_app;

ALTER TABLE agent_runs ADD COLUMN cost_micros bigint NOT NULL DEFAULT 0;
ALTER TABLE agent_run_steps ADD COLUMN provider text, ADD COLUMN model text, ADD COLUMN cost_micros bigint NOT NULL DEFAULT 0;
ALTER TABLE agent_turns ADD COLUMN provider text, ADD COLUMN cost_micros bigint NOT NULL DEFAULT 0;
