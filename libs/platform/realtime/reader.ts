import { type Permission, ROLE_PERMISSIONS, type Role } from '@atrium/contracts';
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
  const [area = ''] = event.type.split('.');
  const needed = NEEDED[area];
  return (needed === undefined || reader.permissions.has(needed)) && isInAudience(reader, rights, event.audience);
}

/** What one must be allowed to read of an area in order to receive its events. */
const NEEDED: Readonly<Record<string, Permission>> = {
  agents: 'agents:read',
  chat: 'channels:read',
  documents: 'documents:read',
  memory: 'memory:read',
};

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
