UPDATE messages SET citations = (
  SELECT coalesce(jsonb_agg(c - 'kind' ORDER BY i), '[]') FROM jsonb_array_elements(citations) WITH ORDINALITY AS e (c, i) WHERE c ->> 'kind' = 'document') WHERE citations <> '[]';
