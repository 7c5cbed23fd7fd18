SELECT 'cursors know who holds them' AS "check", count(*) = 1 AS ok FROM information_schema.columns
WHERE table_name = 'event_cursors' AND column_name = 'holder';
