-- Cost on a large installation: the table holds what subscribers could not take, so it is small; adding the columns rewrites nothing.
-- An event that was set aside is tried again: when (null: only by hand), who does it now, how often it was done, and how often it ended its
-- process. What was set aside before counts as new, but for what ended its process.
ALTER TABLE event_failures
  ADD COLUMN attempts int NOT NULL DEFAULT 0,
  ADD COLUMN deaths int NOT NULL DEFAULT 0,
  ADD COLUMN retry_at timestamptz,
  ADD COLUMN holder uuid;
UPDATE event_failures SET retry_at = now() WHERE failure <> 'The process ended each time.';
CREATE INDEX event_failures_due ON event_failures (subscriber, retry_at);
GRANT UPDATE, DELETE ON event_failures TO atrium_app;
GRANT SELECT (org_id, subscriber, retry_at) ON event_failures TO atrium_system;
CREATE POLICY relay ON event_failures FOR SELECT TO atrium_system USING (true);
