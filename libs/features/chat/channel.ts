import type { Channel, ChannelId } from '@atrium/contracts';
import { Conflict, Forbidden, NotFound } from '@atrium/platform/errors';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { Reader } from './reader.js';

export type ChannelRole = 'admin' | 'member';

export interface ChannelRow {
  id: ChannelId;
  name: string;
  kind: Channel['kind'];
  topic: string;
  description: string;
  archivedAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
}

/** A channel and how the caller stands to it. */
export interface ChannelAccess {
  channel: ChannelRow;
  /** The role of who acts: for an agent its own. */
  own: ChannelRole | null;
  /** The role of the person whose rights count; a user's is the same as `own`. */
  person: ChannelRole | null;
}

/** Public channels are open to all but guests, every other one to its members. An agent reads what its person may read. */
export function mayRead(reader: Reader, { channel, person }: ChannelAccess): boolean {
  return reader.readsAll || person !== null || (channel.kind === 'public' && reader.readsPublic);
}

/** The one answer for a channel that is not there and for one that the caller may not read. */
export function channelNotFound(): NotFound {
  return new NotFound('chat.channel_not_found', 'There is no such channel, or you may not read it.');
}

/** Admins of the channel manage it, and so do those of the organization where they may read it. */
export function mayManage(ctx: OrgContext, { person }: ChannelAccess): boolean {
  const { role, kind } = ctx.principal;
  return kind === 'system' || person === 'admin' || role === 'owner' || role === 'admin';
}

/** @throws Forbidden `chat.not_an_admin` */
export function assertManages(ctx: OrgContext, access: ChannelAccess): void {
  if (!mayManage(ctx, access)) throw new Forbidden('chat.not_an_admin', 'Only admins of the channel or of the organization may do this.');
}

/** @throws Forbidden `chat.not_a_member` */
export function assertMember({ own }: ChannelAccess): void {
  if (own === null) throw new Forbidden('chat.not_a_member', 'Only members of the channel may do this. Join it first.');
}

/** @throws Conflict `chat.channel_archived` once it was archived. */
export function assertOpen({ id, archivedAt }: ChannelRow): void {
  if (archivedAt) throw new Conflict('chat.channel_archived', 'This channel is archived.', { params: { channelId: id } });
}

/** Who may read what is said in a channel, as grant keys of the search index. */
export function grantsOf({ id, kind }: Pick<ChannelRow, 'id' | 'kind'>): string[] {
  return kind === 'public' ? ['org', `channel:${id}`] : [`channel:${id}`];
}
