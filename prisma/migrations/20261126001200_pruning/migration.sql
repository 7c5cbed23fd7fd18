-- Cost on a large installation: none, only rights and policies.
-- The upkeep removes invitations some weeks after their end, and runs some months after theirs. Their children go by the foreign keys.
GRANT SELECT (org_id, id, expires_at, accepted_at), DELETE ON invitations TO atrium_system;
CREATE POLICY prune ON invitations TO atrium_system USING (true) WITH CHECK (false);
GRANT SELECT (org_id, invitation_id), DELETE ON invitation_lookups TO atrium_system;

GRANT DELETE ON workflow_runs, agent_runs TO atrium_system;
CREATE POLICY prune ON workflow_runs FOR DELETE TO atrium_system USING (ended_at IS NOT NULL);
CREATE POLICY prune ON agent_runs FOR DELETE TO atrium_system USING (ended_at IS NOT NULL);
