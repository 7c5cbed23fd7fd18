DROP POLICY relay ON event_failures;
REVOKE SELECT (org_id, subscriber, retry_at) ON event_failures FROM atrium_system;
REVOKE UPDATE, DELETE ON event_failures FROM atrium_app;
DROP INDEX event_failures_due;
ALTER TABLE event_failures DROP COLUMN attempts, DROP COLUMN deaths, DROP COLUMN retry_at, DROP COLUMN holder;
