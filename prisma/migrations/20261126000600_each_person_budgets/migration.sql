-- Cost on a large installation: a column with a constant default, which rewrites nothing; one look-up per budget; the new check reads the
-- budgets, at most 5,000 of an organization.
-- A budget for each person who has none of their own: `subject_id` is the organization's id.
ALTER TABLE model_budgets DROP CONSTRAINT model_budgets_scope_check;
ALTER TABLE model_budgets ADD CONSTRAINT model_budgets_scope_check CHECK (scope IN ('organization', 'agent', 'person', 'each_person'));

-- What administrators were told of stands beside what it was told of: once a month for each subject, also when a call of the month before ends late.
ALTER TABLE model_spendings ADD COLUMN told_percent int NOT NULL DEFAULT 0;
UPDATE model_spendings s SET told_percent = b.told_percent FROM model_budgets b
WHERE b.org_id = s.org_id AND b.told_month = s.month AND b.scope = s.scope AND b.subject_id = s.subject_id;
ALTER TABLE model_budgets DROP COLUMN told_month, DROP COLUMN told_percent;
