-- Cost on a large installation: it reads the messages once and rewrites those with citations.
-- A citation says what it is of. Until now all were of documents.
UPDATE messages SET citations = (
  SELECT jsonb_agg('{"kind": "document"}'::jsonb || c ORDER BY i) FROM jsonb_array_elements(citations) WITH ORDINALITY AS e (c, i)) WHERE citations <> '[]';
