-- Cost on a large installation: none, it only creates.
-- A question to persons whether something may be done, bound to its arguments. `request_key` lets whoever asks again after a crash find it.
CREATE TABLE approvals (
  org_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  request_key text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('workflow_step', 'tool_call')),
  subject_kind text NOT NULL,
  subject_id uuid NOT NULL,
  message text NOT NULL,
  arguments jsonb NOT NULL,
  arguments_hash text NOT NULL,
  status text NOT NULL CHECK (status IN ('pending', 'approved', 'rejected', 'expired')),
  requested_by_kind text NOT NULL CHECK (requested_by_kind IN ('user', 'agent', 'system')),
  requested_by_id uuid,
  requested_for uuid,
  assignees uuid[] NOT NULL,
  decided_by uuid,
  comment text,
  used_at timestamptz,
  expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, request_key),
  CHECK ((decided_by IS NOT NULL) = (status IN ('approved', 'rejected')))
);
CREATE INDEX approvals_status ON approvals (org_id, status, id);
CREATE INDEX approvals_subject ON approvals (org_id, subject_id, id);
SELECT atrium_tenant_table('approvals');
GRANT SELECT, INSERT, UPDATE, DELETE ON approvals TO atrium_app;
