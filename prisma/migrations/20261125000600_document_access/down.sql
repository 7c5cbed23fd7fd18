-- Rights get narrower, never wider: what was shared with some becomes its owner's alone, what guests could read becomes the organization's.
UPDATE event_texts t SET text = NULL, salt = NULL FROM documents d
WHERE d.access_level IN ('team', 'shared', 'system') AND t.org_id = d.org_id AND t.subject_kind = 'document' AND t.subject_id = d.id;
UPDATE search_units u SET grants = CASE d.access_level WHEN 'system' THEN ARRAY['org'] ELSE ARRAY['user:' || d.owner_id] END FROM documents d
WHERE d.access_level IN ('team', 'shared', 'system') AND u.org_id = d.org_id AND u.kind = 'document' AND u.subject_id = d.id;
UPDATE documents SET access_level = CASE access_level WHEN 'system' THEN 'organization' ELSE 'private' END
WHERE access_level IN ('team', 'shared', 'system');
ALTER TABLE documents DROP CONSTRAINT documents_access_level_check;
ALTER TABLE documents ADD CONSTRAINT documents_access_level_check CHECK (access_level IN ('private', 'organization'));
ALTER TABLE documents DROP COLUMN access_grants, DROP COLUMN readers;
