SELECT 'the sources of answers are found by their subject' AS "check", to_regclass('public.message_sources_subject') IS NOT NULL AS ok
UNION ALL
SELECT 'a message may be withheld', EXISTS (
  SELECT 1 FROM pg_constraint WHERE conname = 'messages_status_check' AND pg_get_constraintdef(oid) LIKE '%withheld%')
UNION ALL
SELECT 'every citation says a title and a page', NOT EXISTS (
  SELECT 1 FROM messages m CROSS JOIN LATERAL jsonb_array_elements(m.citations) c WHERE NOT (c.value ? 'title' AND c.value ? 'page'));
