ALTER TABLE workflow_schedules DROP COLUMN failure_code, DROP COLUMN api_key_id, DROP COLUMN agent_id;
