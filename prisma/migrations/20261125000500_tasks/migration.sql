-- Cost on a large installation: none, it only creates.
CREATE TABLE tasks (
  org_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  title text NOT NULL,
  description text NOT NULL,
  status text NOT NULL CHECK (status IN ('open', 'in_progress', 'blocked', 'done', 'cancelled')),
  priority text NOT NULL CHECK (priority IN ('low', 'normal', 'high', 'urgent')),
  assignee_kind text CHECK (assignee_kind IN ('user', 'agent')),
  assignee_id uuid,
  due_at timestamptz,
  source_channel_id uuid,
  source_message_id uuid,
  created_by_kind text NOT NULL CHECK (created_by_kind IN ('user', 'agent')),
  created_by_id uuid NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id),
  CHECK ((assignee_kind IS NULL) = (assignee_id IS NULL)),
  CHECK ((source_channel_id IS NULL) = (source_message_id IS NULL))
);
CREATE INDEX tasks_status ON tasks (org_id, status, id);
CREATE INDEX tasks_assignee ON tasks (org_id, assignee_id, id);
CREATE INDEX tasks_created_by ON tasks (org_id, created_by_id, id);
CREATE INDEX tasks_due ON tasks (org_id, due_at);
SELECT atrium_tenant_table('tasks');
GRANT SELECT, INSERT, UPDATE, DELETE ON tasks TO atrium_app;

-- `task_id` waits for `depends_on_id`. That there is no circle is a rule of the feature, which locks the organization's graph.
CREATE TABLE task_dependencies (
  org_id uuid NOT NULL,
  task_id uuid NOT NULL,
  depends_on_id uuid NOT NULL CHECK (depends_on_id <> task_id),
  PRIMARY KEY (org_id, task_id, depends_on_id),
  FOREIGN KEY (org_id, task_id) REFERENCES tasks (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, depends_on_id) REFERENCES tasks (org_id, id) ON DELETE CASCADE
);
CREATE INDEX task_dependencies_waiting ON task_dependencies (org_id, depends_on_id);
SELECT atrium_tenant_table('task_dependencies');
GRANT SELECT, INSERT, DELETE ON task_dependencies TO atrium_app;

CREATE TABLE task_comments (
  org_id uuid NOT NULL,
  id uuid NOT NULL,
  task_id uuid NOT NULL,
  author_kind text NOT NULL CHECK (author_kind IN ('user', 'agent')),
  author_id uuid NOT NULL,
  body text NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, task_id) REFERENCES tasks (org_id, id) ON DELETE CASCADE
);
CREATE INDEX task_comments_task ON task_comments (org_id, task_id, id);
SELECT atrium_tenant_table('task_comments');
GRANT SELECT, INSERT, UPDATE, DELETE ON task_comments TO atrium_app;
