SELECT 'the upkeep may remove ended runs and invitations' AS "check",
  has_table_privilege('atrium_system', 'invitations', 'DELETE') AND has_table_privilege('atrium_system', 'invitation_lookups', 'DELETE')
    AND has_table_privilege('atrium_system', 'workflow_runs', 'DELETE') AND has_table_privilege('atrium_system', 'agent_runs', 'DELETE')
    AND (SELECT count(*) = 3 FROM pg_policy WHERE polname = 'prune') AS ok;
