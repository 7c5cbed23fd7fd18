-- Cost on a large installation: it adds a column without a default, which rewrites nothing.
-- Which claim holds the cursor, until `retry_at`; null when nobody does, also while a subscriber waits for its next try.
ALTER TABLE event_cursors ADD COLUMN holder uuid;
