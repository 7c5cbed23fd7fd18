-- Cost on a large installation: three indexes; `workflow_steps` may be large, and is locked against writing while its index is built.
CREATE INDEX agent_runs_question ON agent_runs (org_id, question_id);
CREATE INDEX agent_runs_answer ON agent_runs (org_id, answer_id);
CREATE INDEX workflow_steps_child ON workflow_steps (org_id, child_run_id);
