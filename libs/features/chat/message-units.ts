import { Injectable } from '@nestjs/common';
import type { Tx } from '@atrium/platform/db';
import { SearchIndex, type SearchUnit } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import { type ChannelRow, grantsOf } from './channel.js';
import type { MessageRow } from './message.js';

/** Keeps what is said in channels findable; in the transaction of the command that changes it. */
@Injectable()
export class MessageUnits {
  constructor(private readonly index: SearchIndex) {}

  /** `speaker`: the author's display name. `requires` are the grants of an answer's sources; an answer whose readers no single key describes is not found by search. */
  async put(
    tx: Tx,
    ctx: OrgContext,
    channel: ChannelRow,
    row: MessageRow,
    speaker: string,
    requires: readonly (readonly string[])[] = [],
  ): Promise<void> {
    const grants = unitGrants(channel, requires);
    if (grants.length === 0) return this.remove(tx, ctx, row.id);
    await this.index.put(tx, ctx, [unitOf(channel, row, speaker, grants)]);
  }

  /** The same for a message that was just written and is no answer. */
  add(tx: Tx, ctx: OrgContext, channel: ChannelRow, row: MessageRow, speaker: string): Promise<void> {
    return this.index.add(tx, ctx, [unitOf(channel, row, speaker, grantsOf(channel))]);
  }

  /** Of messages of the channel, after it was renamed. */
  retitle(tx: Tx, ctx: OrgContext, channel: Pick<ChannelRow, 'name'>, messageIds: readonly string[]): Promise<void> {
    return this.index.retitle(tx, ctx, messageIds, titleOf(channel));
  }

  remove(tx: Tx, ctx: OrgContext, messageId: string): Promise<void> {
    return this.index.removeSubject(tx, ctx, 'message', messageId);
  }

  removeMany(tx: Tx, ctx: OrgContext, messageIds: string[]): Promise<void> {
    return this.index.removeSubjects(tx, ctx, 'message', messageIds);
  }

  /** From the commit on nothing that was said in the channel is found. */
  hideChannel(tx: Tx, ctx: OrgContext, channelId: string): Promise<void> {
    return this.index.veil(tx, ctx, 'message', { channelId });
  }

  /** For a channel whose units are all gone. */
  forgetChannel(tx: Tx, ctx: OrgContext, channelId: string): Promise<void> {
    return this.index.unveil(tx, ctx, 'message', { channelId });
  }
}

const titleOf = ({ name }: Pick<ChannelRow, 'name'>) => `#${name}`;

function unitOf(channel: ChannelRow, row: MessageRow, speaker: string, grants: string[]): SearchUnit {
  return {
    id: row.id,
    kind: 'message',
    subjectId: row.id,
    ordinal: 0,
    title: titleOf(channel),
    body: row.body,
    grants,
    source: { channelId: row.channelId, threadId: row.threadId },
    turn: { conversation: row.threadId ?? row.channelId, speaker: speakerIn(row.body) ?? speaker, saidAt: row.createdAt },
  };
}

/** Of the channel's keys those whose holders may read every source too. What everyone may read asks for no key. */
export function unitGrants(channel: Pick<ChannelRow, 'id' | 'kind'>, requires: readonly (readonly string[])[]): string[] {
  return grantsOf(channel).filter((key) => requires.every((source) => source.includes(key) || source.includes('everyone')));
}

/** A time in brackets or words, then a name of at most three words and a colon: `[1:56 pm on 8 May, 2023] Ada Lovelace: …`. */
const SPEAKER =
  /^(?:\[[^\]\n]{1,60}\]|\([^)\n]{1,60}\))?[\s|—–-]*([\p{Lu}\p{Lo}][\p{L}\p{M}'’.-]{0,30}(?: [\p{L}\p{M}'’.-]{1,30}){0,2})(?:\s*[([][^)\]\n]{1,60}[)\]])?:\s/u;

/** Whom a message quotes as saying all of it, as protocols and bridges from other chats write it; null when it names nobody. */
export function speakerIn(body: string): string | null {
  return SPEAKER.exec(body)?.[1] ?? null;
}
