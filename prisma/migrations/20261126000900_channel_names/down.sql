DROP INDEX channels_public_name;
CREATE UNIQUE INDEX channels_public_name ON channels (org_id, lower(name)) WHERE kind = 'public';
