UPDATE messages m SET citations = (
  SELECT jsonb_agg(c.citation - 'title' - 'page' ORDER BY c.place) FROM jsonb_array_elements(m.citations) WITH ORDINALITY AS c(citation, place)
) WHERE m.citations <> '[]';
UPDATE messages SET status = 'cancelled' WHERE status = 'withheld';
ALTER TABLE messages DROP CONSTRAINT messages_status_check;
ALTER TABLE messages ADD CONSTRAINT messages_status_check CHECK (status IN ('complete', 'streaming', 'failed', 'cancelled'));
DROP INDEX message_sources_subject;
