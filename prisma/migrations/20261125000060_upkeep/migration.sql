-- Cost on a large installation: one index over the sessions, made in one pass while sign-ins wait (a second or two for a million rows);
-- the rest only creates, and the new column needs no rewrite.

-- Failed sign-ins, counted for all processes together. Keys are hashes of account, address, and both.
CREATE TABLE sign_in_attempts (
  key_hash text PRIMARY KEY,
  failures int NOT NULL,
  ends_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_attempts TO atrium_identity;
GRANT SELECT (ends_at), DELETE ON sign_in_attempts TO atrium_system;

-- Every process looks each second for sessions that ended since it last did.
CREATE INDEX sessions_revoked ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

-- A removed channel is nobody's at once; its content goes in steps, the row last.
ALTER TABLE channels ADD COLUMN removed_at timestamptz;

-- What search does not find for now, whoever asks: units of this kind whose source contains this one (JSON). So that much text appears and
-- disappears at one moment, however long it takes to write and to remove.
CREATE TABLE search_veils (
  org_id uuid NOT NULL,
  kind text NOT NULL,
  source text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, kind, source)
);
SELECT atrium_tenant_table('search_veils');
GRANT SELECT, INSERT, DELETE ON search_veils TO atrium_app;
