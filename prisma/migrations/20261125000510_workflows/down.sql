DROP TABLE workflow_schedules, workflow_steps, workflow_runs, workflow_versions, workflows;
