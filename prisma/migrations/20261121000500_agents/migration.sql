-- Cost on a large installation: none, it only creates.
CREATE TABLE agents (
  org_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL,
  display_name text NOT NULL,
  description text NOT NULL,
  status text NOT NULL CHECK (status IN ('draft', 'active', 'paused', 'retired')),
  version int NOT NULL,
  instructions text NOT NULL,
  model text,
  tools text[] NOT NULL,
  capabilities text[] NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, name)
);
SELECT atrium_tenant_table('agents');
GRANT SELECT, INSERT, UPDATE, DELETE ON agents TO atrium_app;

-- One row per answer of an agent in a channel: what was asked, how it ended, and the tokens it cost.
CREATE TABLE agent_turns (
  org_id uuid NOT NULL,
  id uuid NOT NULL,
  agent_id uuid NOT NULL,
  channel_id uuid NOT NULL,
  question_id uuid NOT NULL,
  answer_id uuid,
  status text NOT NULL CHECK (status IN ('running', 'completed', 'failed', 'cancelled')),
  failure_code text,
  model text,
  input_tokens int NOT NULL DEFAULT 0,
  output_tokens int NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, agent_id) REFERENCES agents (org_id, id) ON DELETE CASCADE
);
SELECT atrium_tenant_table('agent_turns');
GRANT SELECT, INSERT, UPDATE, DELETE ON agent_turns TO atrium_app;
