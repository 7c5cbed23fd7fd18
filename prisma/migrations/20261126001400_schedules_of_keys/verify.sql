SELECT 'schedules know the agent and the key that made them' AS "check", count(*) = 3 AS ok FROM information_schema.columns
WHERE table_schema = current_schema() AND table_name = 'workflow_schedules' AND column_name IN ('agent_id', 'api_key_id', 'failure_code');
