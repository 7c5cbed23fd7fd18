-- Cost on a large installation: none, it only creates.
CREATE TABLE patterns (
  org_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  owner_id uuid NOT NULL,
  created_by_kind text NOT NULL CHECK (created_by_kind IN ('user', 'agent')),
  created_by_id uuid NOT NULL,
  name text NOT NULL,
  situation text NOT NULL,
  action text NOT NULL,
  access_level text NOT NULL CHECK (access_level IN ('private', 'team', 'shared', 'organization', 'system')),
  access_grants jsonb NOT NULL,
  -- Keys of the search index, of which a reader needs one: what access says, worked out.
  readers text[] NOT NULL,
  tags text[] NOT NULL,
  metadata jsonb NOT NULL,
  status text NOT NULL CHECK (status IN ('active', 'demoted', 'archived')),
  -- Counted under the lock of the row; the usages themselves are kept for a while only.
  usages int NOT NULL DEFAULT 0,
  successes int NOT NULL DEFAULT 0 CHECK (successes BETWEEN 0 AND usages),
  -- The lower bound of the success rate, in ten-thousandths: what the lists are sorted by.
  confidence int NOT NULL DEFAULT 0 CHECK (confidence BETWEEN 0 AND 10000),
  last_used_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id)
);
CREATE INDEX patterns_performance ON patterns (org_id, confidence, id);
CREATE INDEX patterns_author_performance ON patterns (org_id, created_by_id, confidence, id);
SELECT atrium_tenant_table('patterns');
GRANT SELECT, INSERT, UPDATE, DELETE ON patterns TO atrium_app;

CREATE TABLE pattern_usages (
  org_id uuid NOT NULL,
  id uuid NOT NULL,
  pattern_id uuid NOT NULL,
  succeeded boolean NOT NULL,
  note text NOT NULL,
  duration_ms int,
  used_at timestamptz NOT NULL,
  used_by_kind text NOT NULL CHECK (used_by_kind IN ('user', 'agent')),
  used_by_id uuid NOT NULL,
  on_behalf_of uuid,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, pattern_id) REFERENCES patterns (org_id, id) ON DELETE CASCADE
);
CREATE INDEX pattern_usages_pattern ON pattern_usages (org_id, pattern_id, id);
CREATE INDEX pattern_usages_user_success_time ON pattern_usages (org_id, used_by_id, succeeded, used_at);
SELECT atrium_tenant_table('pattern_usages');
GRANT SELECT, INSERT, DELETE ON pattern_usages TO atrium_app;
