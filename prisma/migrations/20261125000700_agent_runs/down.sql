DROP INDEX approvals_channel;
ALTER TABLE approvals DROP COLUMN channel_id;
DROP TABLE agent_run_steps, agent_runs, agent_versions;
ALTER TABLE agents DROP COLUMN without_approval, DROP COLUMN limits, DROP COLUMN last_seen_at;
