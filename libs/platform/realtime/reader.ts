import { type EventType, type LiveFrame, type Permission, ROLE_PERMISSIONS, type Role } from '@atrium/contracts';
import type { JsonObject, LoggedEvent } from '@atrium/platform/events';
import { type OrgContext, personOf } from '@atrium/platform/tenancy';
import { channelDataOf, type Rights, memberKey } from './audience.js';

/** Who reads, as far as rights go: a person (or whoever acts for one) in a role. */
export interface Reader {
  readonly personId: string;
  /** The agent that reads for the person; null when the person does. */
  readonly agentId: string | null;
  readonly role: Role;
  /** What the credential may do: a key receives only what it may also read. */
  readonly permissions: ReadonlySet<Permission>;
}

/** Null for the system, which reads no stream. */
export function readerOf(ctx: OrgContext): Reader | null {
  const personId = personOf(ctx);
  const { kind, id, role } = ctx.principal;
  return personId === null || role === null
    ? null
    : { personId, agentId: kind === 'agent' ? id : null, role, permissions: ctx.permissions };
}

/** The context after its person's role changed. A key never gets more than it had. */
export function withRole(ctx: OrgContext, role: Role): OrgContext {
  if (ctx.principal.kind === 'system') return ctx;
  const ofRole = new Set<Permission>(ROLE_PERMISSIONS[role]);
  const permissions =
    ctx.credential?.kind === 'api_key' ? new Set([...ctx.permissions].filter((permission) => ofRole.has(permission))) : ofRole;
  return Object.freeze({ ...ctx, principal: { ...ctx.principal, role }, permissions });
}

export function mayReadChannel(reader: Reader, rights: Rights, channelId: string): boolean {
  const channel = rights.get(`channel:${channelId}`);
  if (!channel) return false;
  return channel.members.has(`user:${reader.personId}`) || (channel.public && reader.role !== 'guest');
}

/** Whether the event is sent to the reader: its audience is theirs, or it tells them of a right of their own. */
export function receives(reader: Reader, rights: Rights, event: LoggedEvent): boolean {
  if (concerns(reader, event)) return true;
  const needed = neededFor(event.type);
  return needed !== undefined && reader.permissions.has(needed) && isInAudience(reader, rights, event.audience);
}

type AreaOf<Type extends string> = Type extends `${infer Area}.${string}` ? Area : never;

/** What REST asks of whoever reads an area: its events ask the same. */
const NEEDED: Readonly<Record<AreaOf<EventType>, Permission>> = {
  agents: 'agents:read',
  approvals: 'approvals:read',
  audit: 'audit:read',
  chat: 'channels:read',
  documents: 'documents:read',
  'http-tools': 'http-tools:manage',
  instance: 'audit:read',
  'mcp-servers': 'mcp-servers:manage',
  memory: 'memory:read',
  models: 'models:manage',
  organizations: 'organization:read',
  tasks: 'tasks:read',
  webhooks: 'webhooks:manage',
  workflows: 'workflows:read',
};

/** What is read by another permission than the rest of its area, by how the type begins. */
const NEEDED_WITHIN: readonly (readonly [string, Permission])[] = [
  ['agents.run_', 'agents:run'],
  ['agents.step_', 'agents:run'],
  ['organizations.member_', 'members:read'],
  ['organizations.team_', 'teams:read'],
];

/** Undefined for an area that is not known: then nobody hears of it. */
function neededFor(type: string): Permission | undefined {
  const [area = ''] = type.split('.');
  return NEEDED_WITHIN.find(([start]) => type.startsWith(start))?.[1] ?? (NEEDED as Readonly<Record<string, Permission>>)[area];
}

/** The same for lossy frames. */
const NEEDED_LIVE: Readonly<Record<LiveFrame['kind'], Permission>> = {
  delta: 'channels:read',
  presence: 'members:read',
  read: 'channels:read',
  run_delta: 'agents:run',
  typing: 'channels:read',
};

/** Whether the reader may be told such a frame, wherever it comes from. */
export const mayHear = (reader: Reader, { kind }: LiveFrame): boolean => reader.permissions.has(NEEDED_LIVE[kind]);

function isInAudience(reader: Reader, rights: Rights, audience: string): boolean {
  if (audience === 'organization') return reader.role !== 'guest';
  if (audience === 'admins') return reader.role === 'owner' || reader.role === 'admin';
  return audience.split(' ').some((grant) => holds(reader, rights, grant));
}

/** Events that take a right away reach the one who loses it, although that one may not read the place any more. */
function concerns(reader: Reader, event: LoggedEvent): boolean {
  switch (event.type) {
    case 'organizations.member_changed':
    case 'organizations.member_removed':
      return event.subject.kind === 'user' && event.subject.id === reader.personId;
    case 'organizations.team_member_added':
    case 'organizations.team_member_removed':
      return event.data['userId'] === reader.personId;
    case 'chat.member_removed': {
      const { member } = channelDataOf(event);
      return member !== undefined && memberKey(member) === `user:${reader.personId}`;
    }
    case 'chat.channel_deleted': {
      const { kind, members } = channelDataOf(event);
      if (kind === 'public') return reader.role !== 'guest';
      return (members ?? []).some((member) => memberKey(member) === `user:${reader.personId}`);
    }
    default:
      return false;
  }
}

/** Whether the reader holds a search grant (`org`, `everyone`, `user:<id>`, `agent:<id>`, `team:<id>`, `channel:<id>`). */
export function holds(reader: Reader, rights: Rights, grant: string): boolean {
  if (grant === 'org') return reader.role !== 'guest';
  if (grant === 'everyone') return true;
  if (grant.startsWith('user:')) return grant.slice(5) === reader.personId;
  if (grant.startsWith('agent:')) return grant.slice(6) === reader.agentId;
  if (grant.startsWith('team:')) return rights.get(grant)?.members.has(`user:${reader.personId}`) ?? false;
  return grant.startsWith('channel:') && mayReadChannel(reader, rights, grant.slice(8));
}

/** Whether the reader holds one grant of every source that a text was made of. */
export function holdsAll(reader: Reader, rights: Rights, requires: readonly (readonly string[])[]): boolean {
  return requires.every((source) => source.some((grant) => holds(reader, rights, grant)));
}

/** The grants of its sources, of which the event's text needs one each. */
export function requiresOf(event: LoggedEvent): string[][] {
  return ((event.data as JsonObject).requires as string[][] | undefined) ?? [];
}
