SELECT 'public channels are named apart without variation selectors' AS "check", count(*) = 1 AS ok FROM pg_indexes
WHERE indexname = 'channels_public_name' AND indexdef LIKE '%regexp_replace%';
