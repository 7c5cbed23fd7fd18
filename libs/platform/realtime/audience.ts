import type { ChannelKind, PrincipalRef } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import type { LoggedEvent } from '@atrium/platform/events';
import type { OrgContext } from '@atrium/platform/tenancy';

/** Who may read each channel of an organization. Members are `user:<id>` and `agent:<id>`. */
export type ChannelRights = Map<string, { public: boolean; members: Set<string> }>;

/** Answers which principals an audience `channel:<id>` means. Registered by the feature that owns channels. */
export interface AudienceResolver {
  readonly kind: 'channel';
  /** The rights of the whole organization, in the snapshot of `tx`. */
  load(tx: Tx, ctx: OrgContext): Promise<ChannelRights>;
  /** What the event changes in them. Called in log order; must not read anything but the event. */
  apply(rights: ChannelRights, event: LoggedEvent): void;
}

/** Where features register their AudienceResolver, at boot. Without one, no channel has readers. */
export class AudienceResolvers {
  private resolver: AudienceResolver | null = null;

  register(resolver: AudienceResolver): void {
    if (this.resolver) throw new Error(`the audience of ${resolver.kind} has two resolvers`);
    this.resolver = resolver;
  }

  async load(tx: Tx, ctx: OrgContext): Promise<ChannelRights> {
    return this.resolver ? this.resolver.load(tx, ctx) : new Map();
  }

  apply(rights: ChannelRights, event: LoggedEvent): void {
    this.resolver?.apply(rights, event);
  }
}

/** `data` of the events that change who may read a channel. */
export interface ChannelEventData {
  channelId: string;
  kind?: ChannelKind;
  member?: PrincipalRef;
  members?: PrincipalRef[];
}

/** What the chat events listed in README.md change; what a resolver's `apply` usually is. */
export function applyChannelEvent(rights: ChannelRights, event: LoggedEvent): void {
  const { channelId, kind, member, members } = channelDataOf(event);
  if (channelId === undefined) return;
  const channel = rights.get(channelId);
  switch (event.type) {
    case 'chat.channel_created': {
      const first = [...(members ?? []), ...(member ? [member] : [])];
      rights.set(channelId, { public: kind === 'public', members: new Set(first.map(memberKey)) });
      break;
    }
    case 'chat.channel_changed':
      if (channel && kind !== undefined) channel.public = kind === 'public';
      break;
    case 'chat.channel_deleted':
      rights.delete(channelId);
      break;
    case 'chat.member_added':
      if (member) channel?.members.add(memberKey(member));
      break;
    case 'chat.member_removed':
      if (member) channel?.members.delete(memberKey(member));
      break;
  }
}

export function channelDataOf(event: LoggedEvent): Partial<ChannelEventData> {
  return event.data;
}

export const memberKey = (member: PrincipalRef) => `${member.kind}:${member.id}`;
