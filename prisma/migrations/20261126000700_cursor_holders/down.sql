ALTER TABLE event_cursors DROP COLUMN holder;
