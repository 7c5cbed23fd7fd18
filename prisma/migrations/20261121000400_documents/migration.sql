-- Cost on a large installation: none, it only creates.
CREATE TABLE documents (
  org_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  title text NOT NULL,
  owner_kind text NOT NULL CHECK (owner_kind IN ('user', 'agent')),
  owner_id uuid NOT NULL,
  status text NOT NULL CHECK (status IN ('processing', 'ready', 'failed')),
  failure_code text,
  failure_message text,
  version int NOT NULL,
  media_type text NOT NULL,
  size_bytes bigint NOT NULL,
  metadata jsonb NOT NULL,
  access_level text NOT NULL CHECK (access_level IN ('private', 'organization')),
  seq bigint NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id)
);
CREATE INDEX documents_created ON documents (org_id, created_at, id);
CREATE INDEX documents_owner ON documents (org_id, owner_id);
SELECT atrium_tenant_table('documents');
GRANT SELECT, INSERT, UPDATE, DELETE ON documents TO atrium_app;

-- Immutable once stored, but for `text`, which ingestion fills once.
CREATE TABLE document_versions (
  org_id uuid NOT NULL,
  document_id uuid NOT NULL,
  number int NOT NULL,
  blob_key text NOT NULL,
  sha256 text NOT NULL,
  file_name text NOT NULL,
  claimed_media_type text,
  media_type text NOT NULL,
  size_bytes bigint NOT NULL,
  text text,
  headings jsonb NOT NULL DEFAULT '[]',
  pages jsonb NOT NULL DEFAULT '[]',
  created_by uuid NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, document_id, number),
  FOREIGN KEY (org_id, document_id) REFERENCES documents (org_id, id) ON DELETE CASCADE
);
SELECT atrium_tenant_table('document_versions');
GRANT SELECT, INSERT, UPDATE, DELETE ON document_versions TO atrium_app;

CREATE TABLE document_chunks (
  org_id uuid NOT NULL,
  id uuid NOT NULL,
  document_id uuid NOT NULL,
  version int NOT NULL,
  ordinal int NOT NULL,
  start_offset int NOT NULL,
  end_offset int NOT NULL,
  heading_path text[] NOT NULL,
  page int,
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, document_id, version, ordinal),
  FOREIGN KEY (org_id, document_id, version) REFERENCES document_versions (org_id, document_id, number) ON DELETE CASCADE
);
SELECT atrium_tenant_table('document_chunks');
GRANT SELECT, INSERT, DELETE ON document_chunks TO atrium_app;
