-- Cost on a large installation: none, it only creates.
CREATE TABLE organizations (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
SELECT atrium_tenant_table('organizations', 'id');
GRANT SELECT, INSERT, UPDATE, DELETE ON organizations TO atrium_app;
GRANT SELECT (id, name, created_at, updated_at) ON organizations TO atrium_identity;
CREATE POLICY identity ON organizations FOR SELECT TO atrium_identity USING (true);
GRANT SELECT (id) ON organizations TO atrium_system;
CREATE POLICY sweep ON organizations FOR SELECT TO atrium_system USING (true);

CREATE TABLE members (
  org_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  user_id uuid NOT NULL,
  email text NOT NULL,
  display_name text NOT NULL,
  role text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'guest')),
  suspended_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, user_id)
);
CREATE INDEX members_user_id ON members (user_id);
SELECT atrium_tenant_table('members');
GRANT SELECT, INSERT, UPDATE, DELETE ON members TO atrium_app;
-- Before an organization is known, identity must see which ones a person is in.
GRANT SELECT ON members TO atrium_identity;
CREATE POLICY identity ON members FOR SELECT TO atrium_identity USING (true);

CREATE TABLE invitations (
  org_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  email text NOT NULL,
  role text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'guest')),
  invited_by uuid NOT NULL,
  expires_at timestamptz NOT NULL,
  accepted_at timestamptz,
  accepted_by uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id)
);
SELECT atrium_tenant_table('invitations');
GRANT SELECT, INSERT, UPDATE, DELETE ON invitations TO atrium_app;

CREATE TABLE api_keys (
  org_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL,
  prefix text NOT NULL,
  owner_id uuid NOT NULL,
  agent_id uuid,
  scopes text[] NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, owner_id) REFERENCES members (org_id, user_id) ON DELETE CASCADE
);
CREATE INDEX api_keys_owner ON api_keys (org_id, owner_id);
SELECT atrium_tenant_table('api_keys');
GRANT SELECT, INSERT, UPDATE, DELETE ON api_keys TO atrium_app;
GRANT SELECT ON api_keys TO atrium_identity;
CREATE POLICY identity ON api_keys FOR SELECT TO atrium_identity USING (true);

-- Identity: read by atrium_identity only, because login comes before an organization.
CREATE TABLE users (
  id uuid PRIMARY KEY,
  email text NOT NULL,
  display_name text NOT NULL,
  password_hash text NOT NULL,
  is_operator boolean NOT NULL DEFAULT false,
  last_organization_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email ON users (lower(email));
GRANT SELECT, INSERT, UPDATE, DELETE ON users TO atrium_identity;

CREATE TABLE sessions (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  org_id uuid NOT NULL,
  generation int NOT NULL DEFAULT 0,
  refresh_hash text NOT NULL,
  rotated_at timestamptz NOT NULL DEFAULT now(),
  transport text NOT NULL CHECK (transport IN ('body', 'cookie')),
  user_agent text,
  ip text,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  revoked_reason text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sessions_user ON sessions (user_id, org_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON sessions TO atrium_identity;
GRANT SELECT (expires_at, revoked_at), DELETE ON sessions TO atrium_system;

CREATE TABLE api_key_lookups (
  key_hash text PRIMARY KEY,
  org_id uuid NOT NULL,
  api_key_id uuid NOT NULL
);
CREATE INDEX api_key_lookups_key ON api_key_lookups (org_id, api_key_id);
GRANT SELECT, INSERT, DELETE ON api_key_lookups TO atrium_identity;

CREATE TABLE invitation_lookups (
  token_hash text PRIMARY KEY,
  org_id uuid NOT NULL,
  invitation_id uuid NOT NULL
);
CREATE INDEX invitation_lookups_invitation ON invitation_lookups (org_id, invitation_id);
GRANT SELECT, INSERT, DELETE ON invitation_lookups TO atrium_identity;
