SELECT 'index ' || i || ' is there' AS "check", to_regclass(i) IS NOT NULL AS ok
FROM unnest(ARRAY['agent_runs_question', 'agent_runs_answer', 'workflow_steps_child']) i;
