import type { Channel, ChannelKind, PrincipalRef } from '@atrium/contracts';
import type { EventDraft, JsonObject } from '@atrium/platform/events';

/** The parts that every event of a channel has: who hears it, and the channel's shape with its text apart. */
function ofChannel(channel: Channel): Pick<EventDraft, 'subject' | 'audience'> & { data: JsonObject; text: JsonObject } {
  const { name, topic, description, ...facts } = channel;
  return {
    subject: { kind: 'channel', id: channel.id },
    audience: `channel:${channel.id}`,
    // What differs from reader to reader is not told: role, unread and mentions are those of somebody who just came.
    data: {
      channelId: channel.id,
      kind: channel.kind,
      channel: { ...facts, name: '', topic: '', description: '', role: null, unread: 0, mentions: 0 },
    },
    text: { channel: { name, topic, description } },
  };
}

export function channelCreated(channel: Channel, members: PrincipalRef[]): EventDraft {
  const { data, ...rest } = ofChannel(channel);
  return { type: 'chat.channel_created', ...rest, data: { ...data, members } };
}

export function channelChanged(channel: Channel, changes: EventDraft['changes']): EventDraft {
  const { data, ...rest } = ofChannel(channel);
  const fields = Object.keys(changes ?? {});
  return { type: 'chat.channel_changed', ...rest, data: { ...data, fields }, ...(changes ? { changes } : {}) };
}

/** `members` of a channel that is not public, so that those who are away hear of it. */
export function channelDeleted(channel: { id: string; kind: ChannelKind }, members: PrincipalRef[]): EventDraft {
  return {
    type: 'chat.channel_deleted',
    subject: { kind: 'channel', id: channel.id },
    audience: `channel:${channel.id}`,
    data: { channelId: channel.id, kind: channel.kind, ...(channel.kind === 'public' ? {} : { members }) },
  };
}

export function memberAdded(channel: Channel, member: PrincipalRef, role: string): EventDraft {
  const { data, ...rest } = ofChannel(channel);
  return { type: 'chat.member_added', ...rest, data: { ...data, member: { kind: member.kind, id: member.id }, role } };
}

/** `promoted` is who became admin, because the last one left. The one removed hears it too, so it carries no text. */
export function memberRemoved(channel: Channel, member: PrincipalRef, promoted: PrincipalRef | null): EventDraft {
  return {
    type: 'chat.member_removed',
    subject: { kind: 'channel', id: channel.id },
    audience: `channel:${channel.id}`,
    data: {
      channelId: channel.id,
      kind: channel.kind,
      member: { kind: member.kind, id: member.id },
      memberCount: channel.memberCount,
      ...(promoted ? { promoted: { kind: promoted.kind, id: promoted.id } } : {}),
    },
  };
}
