import type { OrgContext } from './org-context.js';

const REQUEST = /^agent-run-([0-9a-f-]{36})$/;

/** What a run of an agent does carries its id as request id, in the audit log too. */
export const agentRunRequest = (runId: string) => `agent-run-${runId}`;

/** The run that does this, if one does. Only our own work has no credential, so nobody can claim to be one. */
export const agentRunOf = ({ credential, requestId }: Pick<OrgContext, 'credential' | 'requestId'>): string | null =>
  credential === null ? (REQUEST.exec(requestId)?.[1] ?? null) : null;
