-- Cost on a large installation: none, columns without a default.
-- A schedule acts as who made it: the person, or the agent of a key; one that was made with an API key ends with it. Why the last time
-- started nothing is shown.
ALTER TABLE workflow_schedules ADD COLUMN agent_id uuid, ADD COLUMN api_key_id uuid, ADD COLUMN failure_code text;
