DROP INDEX workflow_steps_child, agent_runs_answer, agent_runs_question;
