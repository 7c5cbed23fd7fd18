SELECT 'rows name the run in which they were made' AS "check",
  (SELECT count(*) = 6 FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'via_id'
    AND table_name IN ('messages', 'tasks', 'memories', 'memory_entries', 'patterns', 'pattern_usages'))
    AND (SELECT count(*) = 2 FROM information_schema.columns
      WHERE table_schema = 'public' AND table_name IN ('messages', 'tasks') AND column_name = 'on_behalf_of') AS ok;
