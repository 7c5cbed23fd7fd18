ALTER TABLE pattern_usages DROP COLUMN via_kind, DROP COLUMN via_id;
ALTER TABLE patterns DROP COLUMN via_kind, DROP COLUMN via_id;
ALTER TABLE memory_entries DROP COLUMN via_kind, DROP COLUMN via_id;
ALTER TABLE memories DROP COLUMN via_kind, DROP COLUMN via_id;
ALTER TABLE tasks DROP COLUMN on_behalf_of, DROP COLUMN via_kind, DROP COLUMN via_id;
ALTER TABLE messages DROP COLUMN on_behalf_of, DROP COLUMN via_kind, DROP COLUMN via_id;
