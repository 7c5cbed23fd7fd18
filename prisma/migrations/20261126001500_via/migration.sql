-- Cost on a large installation: none, columns without a default.
-- The run in which a row was made, and the person for whom an agent made it.
ALTER TABLE messages ADD COLUMN on_behalf_of uuid, ADD COLUMN via_kind text, ADD COLUMN via_id uuid;
ALTER TABLE tasks ADD COLUMN on_behalf_of uuid, ADD COLUMN via_kind text, ADD COLUMN via_id uuid;
ALTER TABLE memories ADD COLUMN via_kind text, ADD COLUMN via_id uuid;
ALTER TABLE memory_entries ADD COLUMN via_kind text, ADD COLUMN via_id uuid;
ALTER TABLE patterns ADD COLUMN via_kind text, ADD COLUMN via_id uuid;
ALTER TABLE pattern_usages ADD COLUMN via_kind text, ADD COLUMN via_id uuid;
