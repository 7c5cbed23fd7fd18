import type { ChannelKind, PrincipalRef } from '@atrium/contracts';
import type { Tx } from '@atrium/platform/db';
import type { LoggedEvent } from '@atrium/platform/events';
import type { OrgContext } from '@atrium/platform/tenancy';

/** Who is meant by each `channel:<id>` and `team:<id>` of an organization. Members are `user:<id>` and `agent:<id>`. */
export type Rights = Map<string, { public: boolean; members: Set<string> }>;

/** Answers which principals an audience of its kind (`channel:<id>`, `team:<id>`) means. Registered by the feature that owns it. */
export interface AudienceResolver {
  readonly kind: 'channel' | 'team';
  /** The rights of the whole organization, in the snapshot of `tx`. */
  load(tx: Tx, ctx: OrgContext): Promise<Rights>;
  /** What the event changes in them. Called in log order; must not read anything but the event. */
  apply(rights: Rights, event: LoggedEvent): void;
}

/** Where features register their AudienceResolver, at boot. What has none has no readers. */
export class AudienceResolvers {
  private readonly resolvers = new Map<AudienceResolver['kind'], AudienceResolver>();

  register(resolver: AudienceResolver): void {
    if (this.resolvers.has(resolver.kind)) throw new Error(`the audience of ${resolver.kind} has two resolvers`);
    this.resolvers.set(resolver.kind, resolver);
  }

  async load(tx: Tx, ctx: OrgContext): Promise<Rights> {
    const rights: Rights = new Map();
    for (const resolver of this.resolvers.values()) for (const [key, readers] of await resolver.load(tx, ctx)) rights.set(key, readers);
    return rights;
  }

  apply(rights: Rights, event: LoggedEvent): void {
    for (const resolver of this.resolvers.values()) resolver.apply(rights, event);
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
export function applyChannelEvent(rights: Rights, event: LoggedEvent): void {
  const { channelId, kind, member, members } = channelDataOf(event);
  if (channelId === undefined) return;
  const key = `channel:${channelId}`;
  const channel = rights.get(key);
  switch (event.type) {
    case 'chat.channel_created': {
      const first = [...(members ?? []), ...(member ? [member] : [])];
      rights.set(key, { public: kind === 'public', members: new Set(first.map(memberKey)) });
      break;
    }
    case 'chat.channel_changed':
      if (channel && kind !== undefined) channel.public = kind === 'public';
      break;
    case 'chat.channel_deleted':
      rights.delete(key);
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
