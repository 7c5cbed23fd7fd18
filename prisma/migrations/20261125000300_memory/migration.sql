-- Cost on a large installation: none, it only creates.
CREATE TABLE memory_namespaces (
  org_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  owner_id uuid NOT NULL,
  name text NOT NULL,
  -- The name as it is compared: folded.
  name_key text NOT NULL,
  description text NOT NULL,
  access_level text NOT NULL CHECK (access_level IN ('private', 'team', 'shared', 'organization', 'system')),
  access_grants jsonb NOT NULL,
  -- Keys of the search index, of which a reader needs one: what access says, worked out.
  readers text[] NOT NULL,
  -- How many it holds, retired ones too. Changed under the lock of the row.
  memories int NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, owner_id, name_key)
);
SELECT atrium_tenant_table('memory_namespaces');
GRANT SELECT, INSERT, UPDATE, DELETE ON memory_namespaces TO atrium_app;

CREATE TABLE memories (
  org_id uuid NOT NULL,
  id uuid NOT NULL,
  namespace_id uuid NOT NULL,
  owner_id uuid NOT NULL,
  created_by_kind text NOT NULL CHECK (created_by_kind IN ('user', 'agent')),
  created_by_id uuid NOT NULL,
  content text NOT NULL,
  subject text,
  predicate text,
  -- Subject and predicate as they are compared; both or none.
  subject_key text,
  predicate_key text,
  -- A hash of readers, subject, predicate and text as they are compared: what holds is there once.
  fact_key text NOT NULL,
  access_level text NOT NULL CHECK (access_level IN ('private', 'team', 'shared', 'organization', 'system')),
  access_grants jsonb NOT NULL,
  readers text[] NOT NULL,
  valid_from timestamptz NOT NULL,
  valid_to timestamptz,
  superseded_by uuid,
  expires_at timestamptz,
  source_kind text NOT NULL,
  source_id text,
  confidence double precision NOT NULL CHECK (confidence BETWEEN 0 AND 1),
  tags text[] NOT NULL,
  metadata jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, namespace_id) REFERENCES memory_namespaces (org_id, id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX memories_fact ON memories (org_id, namespace_id, fact_key) WHERE valid_to IS NULL;
CREATE INDEX memories_slot ON memories (org_id, namespace_id, subject_key, predicate_key, valid_from) WHERE subject_key IS NOT NULL;
CREATE INDEX memories_created ON memories (org_id, created_at, id);
CREATE INDEX memories_namespace_created ON memories (org_id, namespace_id, created_at, id);
CREATE INDEX memories_superseded_by ON memories (org_id, superseded_by) WHERE superseded_by IS NOT NULL;
CREATE INDEX memories_expiring ON memories (expires_at) WHERE expires_at IS NOT NULL AND valid_to IS NULL;
SELECT atrium_tenant_table('memories');
GRANT SELECT, INSERT, UPDATE, DELETE ON memories TO atrium_app;
GRANT SELECT (org_id, expires_at, valid_to) ON memories TO atrium_system;
CREATE POLICY sweep ON memories FOR SELECT TO atrium_system USING (true);

-- Each step of a memory's life. Goes with the memory when it is forgotten.
CREATE TABLE memory_entries (
  org_id uuid NOT NULL,
  id uuid NOT NULL,
  memory_id uuid NOT NULL,
  kind text NOT NULL,
  content text NOT NULL,
  valid_from timestamptz NOT NULL,
  valid_to timestamptz,
  superseded_by uuid,
  other_id uuid,
  reason text,
  actor_kind text NOT NULL,
  actor_id uuid,
  on_behalf_of uuid,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, memory_id) REFERENCES memories (org_id, id) ON DELETE CASCADE
);
CREATE INDEX memory_entries_memory ON memory_entries (org_id, memory_id, id);
SELECT atrium_tenant_table('memory_entries');
GRANT SELECT, INSERT ON memory_entries TO atrium_app;

CREATE TABLE memory_reviews (
  org_id uuid NOT NULL,
  id uuid NOT NULL,
  proposed_id uuid NOT NULL,
  existing_id uuid NOT NULL,
  reason text NOT NULL,
  status text NOT NULL CHECK (status IN ('open', 'accepted', 'rejected')),
  decided_by_kind text,
  decided_by_id uuid,
  decided_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, proposed_id, existing_id),
  FOREIGN KEY (org_id, proposed_id) REFERENCES memories (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, existing_id) REFERENCES memories (org_id, id) ON DELETE CASCADE
);
CREATE INDEX memory_reviews_status ON memory_reviews (org_id, status, id);
CREATE INDEX memory_reviews_existing ON memory_reviews (org_id, existing_id);
SELECT atrium_tenant_table('memory_reviews');
GRANT SELECT, INSERT, UPDATE ON memory_reviews TO atrium_app;
