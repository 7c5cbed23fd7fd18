SELECT 'budgets may be for each person' AS "check",
  EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'model_budgets_scope_check' AND pg_get_constraintdef(oid) LIKE '%each_person%') AS ok
UNION ALL
SELECT 'what was told stands beside what was spent', count(*) = 1 FROM information_schema.columns
WHERE column_name = 'told_percent' AND table_name IN ('model_budgets', 'model_spendings');
