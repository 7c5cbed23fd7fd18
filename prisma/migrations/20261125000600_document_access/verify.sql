SELECT 'every document has readers' AS "check", NOT EXISTS (SELECT 1 FROM documents WHERE cardinality(readers) = 0) AS ok
UNION ALL
SELECT 'documents may be shared', EXISTS (
  SELECT 1 FROM pg_constraint WHERE conname = 'documents_access_level_check' AND pg_get_constraintdef(oid) LIKE '%shared%');
