DROP POLICY prune ON agent_runs;
DROP POLICY prune ON workflow_runs;
REVOKE DELETE ON workflow_runs, agent_runs FROM atrium_system;
REVOKE SELECT (org_id, invitation_id), DELETE ON invitation_lookups FROM atrium_system;
DROP POLICY prune ON invitations;
REVOKE SELECT (org_id, id, expires_at, accepted_at), DELETE ON invitations FROM atrium_system;
