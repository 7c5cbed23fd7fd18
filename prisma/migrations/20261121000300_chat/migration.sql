-- Cost on a large installation: none, it only creates.
CREATE TABLE channels (
  org_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('public', 'private', 'direct', 'group')),
  topic text NOT NULL DEFAULT '',
  description text NOT NULL DEFAULT '',
  created_by uuid,
  archived_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id)
);
-- Only public names are unique: a clash with a private channel's name would tell that it exists.
CREATE UNIQUE INDEX channels_public_name ON channels (org_id, lower(name)) WHERE kind = 'public';
SELECT atrium_tenant_table('channels');
GRANT SELECT, INSERT, UPDATE, DELETE ON channels TO atrium_app;

CREATE TABLE channel_members (
  org_id uuid NOT NULL,
  channel_id uuid NOT NULL,
  member_kind text NOT NULL CHECK (member_kind IN ('user', 'agent')),
  member_id uuid NOT NULL,
  role text NOT NULL CHECK (role IN ('admin', 'member')),
  last_read_seq bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, channel_id, member_kind, member_id),
  FOREIGN KEY (org_id, channel_id) REFERENCES channels (org_id, id) ON DELETE CASCADE
);
CREATE INDEX channel_members_member ON channel_members (org_id, member_kind, member_id);
SELECT atrium_tenant_table('channel_members');
GRANT SELECT, INSERT, UPDATE, DELETE ON channel_members TO atrium_app;

CREATE TABLE messages (
  org_id uuid NOT NULL,
  id uuid NOT NULL,
  channel_id uuid NOT NULL,
  thread_id uuid,
  author_kind text NOT NULL CHECK (author_kind IN ('user', 'agent')),
  author_id uuid NOT NULL,
  body text NOT NULL,
  status text NOT NULL CHECK (status IN ('complete', 'streaming', 'failed', 'cancelled')),
  citations jsonb NOT NULL DEFAULT '[]',
  mentions jsonb NOT NULL DEFAULT '[]',
  client_id text,
  revision int NOT NULL DEFAULT 1,
  seq bigint NOT NULL,
  reply_count int NOT NULL DEFAULT 0,
  last_reply_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  edited_at timestamptz,
  deleted_at timestamptz,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, channel_id) REFERENCES channels (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, thread_id) REFERENCES messages (org_id, id) ON DELETE CASCADE
);
CREATE INDEX messages_channel ON messages (org_id, channel_id, seq);
CREATE INDEX messages_thread ON messages (org_id, thread_id, seq) WHERE thread_id IS NOT NULL;
CREATE UNIQUE INDEX messages_client_id ON messages (org_id, channel_id, author_kind, author_id, client_id) WHERE client_id IS NOT NULL;
SELECT atrium_tenant_table('messages');
GRANT SELECT, INSERT, UPDATE, DELETE ON messages TO atrium_app;

CREATE TABLE message_revisions (
  org_id uuid NOT NULL,
  message_id uuid NOT NULL,
  revision int NOT NULL,
  body text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, message_id, revision),
  FOREIGN KEY (org_id, message_id) REFERENCES messages (org_id, id) ON DELETE CASCADE
);
SELECT atrium_tenant_table('message_revisions');
GRANT SELECT, INSERT, DELETE ON message_revisions TO atrium_app;

-- What an answer was made of: a reader needs one grant of every source, else the answer is withheld from them.
CREATE TABLE message_sources (
  org_id uuid NOT NULL,
  message_id uuid NOT NULL,
  ordinal int NOT NULL,
  kind text NOT NULL,
  subject_id uuid NOT NULL,
  grants text[] NOT NULL,
  PRIMARY KEY (org_id, message_id, ordinal),
  FOREIGN KEY (org_id, message_id) REFERENCES messages (org_id, id) ON DELETE CASCADE
);
SELECT atrium_tenant_table('message_sources');
GRANT SELECT, INSERT, DELETE ON message_sources TO atrium_app;
