DROP TABLE search_veils;
DELETE FROM channels WHERE removed_at IS NOT NULL;
ALTER TABLE channels DROP COLUMN removed_at;
DROP INDEX sessions_revoked;
DROP TABLE sign_in_attempts;
