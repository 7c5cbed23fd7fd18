-- Cost on a large installation: only creates.
-- `credential`: the value of the header `credential_header`, encrypted.
CREATE TABLE mcp_servers (
  org_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL,
  url text NOT NULL,
  enabled boolean NOT NULL,
  credential_header text,
  credential bytea,
  refreshed_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, name),
  CHECK ((credential_header IS NULL) = (credential IS NULL))
);
SELECT atrium_tenant_table('mcp_servers');
GRANT SELECT, INSERT, UPDATE, DELETE ON mcp_servers TO atrium_app;

-- `tool` is the name in the registry of tools. `reviewed` is the definition that was allowed last.
CREATE TABLE mcp_server_tools (
  org_id uuid NOT NULL,
  id uuid NOT NULL,
  server_id uuid NOT NULL,
  name text NOT NULL,
  tool text NOT NULL,
  description text NOT NULL,
  input_schema jsonb NOT NULL,
  annotations jsonb NOT NULL,
  hash text NOT NULL,
  state text NOT NULL CHECK (state IN ('new', 'allowed', 'blocked', 'changed')),
  effect text NOT NULL CHECK (effect IN ('reads', 'writes', 'outward')),
  unusable text,
  reviewed jsonb,
  missing_since timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, server_id, name),
  UNIQUE (org_id, tool),
  FOREIGN KEY (org_id, server_id) REFERENCES mcp_servers (org_id, id) ON DELETE CASCADE,
  CHECK (state <> 'allowed' OR unusable IS NULL)
);
SELECT atrium_tenant_table('mcp_server_tools');
GRANT SELECT, INSERT, UPDATE, DELETE ON mcp_server_tools TO atrium_app;
