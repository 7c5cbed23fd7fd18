ALTER TABLE agent_turns DROP COLUMN provider, DROP COLUMN cost_micros;
ALTER TABLE agent_run_steps DROP COLUMN provider, DROP COLUMN model, DROP COLUMN cost_micros;
ALTER TABLE agent_runs DROP COLUMN cost_micros;
DROP TABLE model_spendings, model_calls, model_budgets, model_providers;
