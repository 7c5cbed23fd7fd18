-- Cost on a large installation: every document is rewritten once, and its writers wait meanwhile, about ten seconds for a million.
ALTER TABLE documents DROP CONSTRAINT documents_access_level_check;
ALTER TABLE documents ADD CONSTRAINT documents_access_level_check CHECK (access_level IN ('private', 'team', 'shared', 'organization', 'system'));

-- With whom it is shared.
ALTER TABLE documents ADD COLUMN access_grants jsonb NOT NULL DEFAULT '[]';
ALTER TABLE documents ALTER COLUMN access_grants DROP DEFAULT;
-- Keys of the search index, of which a reader needs one: what access says, worked out.
ALTER TABLE documents ADD COLUMN readers text[];
UPDATE documents SET readers = CASE access_level WHEN 'organization' THEN ARRAY['org'] ELSE ARRAY['user:' || owner_id] END;
ALTER TABLE documents ALTER COLUMN readers SET NOT NULL;
