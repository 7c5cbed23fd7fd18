ALTER TABLE model_budgets ADD COLUMN told_month text, ADD COLUMN told_percent int NOT NULL DEFAULT 0;
UPDATE model_budgets b SET told_month = s.month, told_percent = s.told_percent FROM model_spendings s
WHERE b.org_id = s.org_id AND b.scope = s.scope AND b.subject_id = s.subject_id AND s.told_percent > 0 AND s.month = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM');
ALTER TABLE model_spendings DROP COLUMN told_percent;
DELETE FROM model_budgets WHERE scope = 'each_person';
ALTER TABLE model_budgets DROP CONSTRAINT model_budgets_scope_check;
ALTER TABLE model_budgets ADD CONSTRAINT model_budgets_scope_check CHECK (scope IN ('organization', 'agent', 'person'));
ALTER TABLE model_budgets ALTER COLUMN told_percent DROP DEFAULT;
