SELECT 'events that were set aside are tried again' AS "check", count(*) = 4 AS ok FROM information_schema.columns
WHERE table_name = 'event_failures' AND column_name IN ('attempts', 'deaths', 'retry_at', 'holder');
