-- Cost on a large installation: only creates.
-- `url` is a template. `credential`: the value of the header `credential_header`, encrypted.
CREATE TABLE http_tools (
  org_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL,
  description text NOT NULL,
  input_schema jsonb NOT NULL,
  method text NOT NULL CHECK (method IN ('GET', 'POST', 'PUT', 'PATCH', 'DELETE')),
  url text NOT NULL,
  headers jsonb NOT NULL,
  credential_header text,
  credential bytea,
  effect text NOT NULL CHECK (effect IN ('reads', 'writes', 'outward')),
  enabled boolean NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, name),
  CHECK ((credential_header IS NULL) = (credential IS NULL))
);
SELECT atrium_tenant_table('http_tools');
GRANT SELECT, INSERT, UPDATE, DELETE ON http_tools TO atrium_app;
