import {
  type Agent,
  type AgentFile,
  type AgentId,
  AgentLimits,
  type AgentStatus,
  type AgentVersion,
  type PatchAgent,
  type UserId,
} from '@atrium/contracts';
import { Conflict } from '@atrium/platform/errors';
import { canonicalJson, type EventDraft, type JsonObject } from '@atrium/platform/events';
import type { AgentRow, AgentVersionRow } from './agent.repository.js';
import { ASSISTANT } from './assistant.js';

/** What belongs to a version. */
const VERSIONED = ['instructions', 'model', 'tools', 'withoutApproval', 'capabilities', 'limits'] as const;

const limitsOf = (limits: unknown): AgentLimits => AgentLimits.parse(limits);

export function agentView(row: AgentRow): Agent {
  const { orgId: _orgId, createdAt, updatedAt, lastSeenAt, limits, ...rest } = row;
  return {
    ...rest,
    id: row.id as AgentId,
    status: row.status as Agent['status'],
    limits: limitsOf(limits),
    lastSeenAt: lastSeenAt?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}

/** The agent as it stands in a file. */
export function exported(row: AgentRow): AgentFile['agents'][number] {
  const { id: _id, version: _version, lastSeenAt: _seen, createdAt: _created, updatedAt: _updated, ...rest } = agentView(row);
  return { ...rest, status: rest.status as AgentFile['agents'][number]['status'] };
}

export function versionView(row: AgentVersionRow): AgentVersion {
  const { orgId: _orgId, agentId: _agentId, limits, createdBy, createdAt, ...rest } = row;
  return { ...rest, limits: limitsOf(limits), createdBy: createdBy as UserId | null, createdAt: createdAt.toISOString() };
}

/** The agent after the patch; a version more when what belongs to versions is another. */
export function patched(before: AgentRow, patch: PatchAgent, at: Date): AgentRow {
  const given = Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined)) as Partial<AgentRow>;
  const after = { ...before, ...given, ...(patch.limits ? { limits: { ...limitsOf(before.limits), ...patch.limits } } : {}) };
  const isNew = VERSIONED.some((field) => canonicalJson(after[field]) !== canonicalJson(before[field]));
  return { ...after, version: before.version + (isNew ? 1 : 0), updatedAt: at };
}

/** @throws Conflict `agents.retired`, `agents.built_in` */
export function assertMayBecome(before: AgentRow, status: AgentStatus): void {
  if (before.status === 'retired') throw new Conflict('agents.retired', 'The agent is retired for ever. Make another one.');
  if (status === 'retired' && before.name === ASSISTANT.name)
    throw new Conflict('agents.built_in', 'The assistant of the organization cannot be retired. Pause it instead.');
}

/** What an auditor sees of a change; null when there is none. */
export function changesOf(before: AgentRow, after: AgentRow): NonNullable<EventDraft['changes']> | null {
  const changes: NonNullable<EventDraft['changes']> = {};
  for (const field of ['status', 'version', 'model', 'tools', 'withoutApproval', 'limits'] as const) {
    if (canonicalJson(before[field]) !== canonicalJson(after[field])) changes[field] = [before[field], after[field]];
  }
  for (const field of ['displayName', 'description', 'instructions', 'capabilities'] as const) {
    if (canonicalJson(before[field]) !== canonicalJson(after[field])) changes[field] = ['[text]', '[text]'];
  }
  return Object.keys(changes).length === 0 ? null : changes;
}

/** The agent as it is now, what persons wrote apart. */
export function agentTold(type: 'agents.created' | 'agents.changed', row: AgentRow, changes?: EventDraft['changes']): EventDraft {
  const { displayName, description, instructions, capabilities, ...facts } = agentView(row);
  return {
    type,
    subject: { kind: 'agent', id: row.id },
    audience: 'organization',
    data: {
      agentId: row.id,
      agent: { ...(facts as JsonObject), displayName: '', description: '', instructions: '', capabilities: [] },
    },
    text: { agent: { displayName, description, instructions, capabilities } },
    ...(changes ? { changes } : {}),
  };
}
