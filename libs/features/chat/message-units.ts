import { Injectable } from '@nestjs/common';
import type { Tx } from '@atrium/platform/db';
import { SearchIndex } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import { type ChannelRow, grantsOf } from './channel.js';
import type { MessageRow } from './message.js';

/** Keeps what is said in channels findable; in the transaction of the command that changes it. */
@Injectable()
export class MessageUnits {
  constructor(private readonly index: SearchIndex) {}

  /** `requires` are the grants of an answer's sources; an answer whose readers no single key describes is not found by search. */
  async put(tx: Tx, ctx: OrgContext, channel: ChannelRow, row: MessageRow, requires: readonly (readonly string[])[] = []): Promise<void> {
    const grants = unitGrants(channel, requires);
    if (grants.length === 0) return this.remove(tx, ctx, row.id);
    await this.index.put(tx, ctx, [
      {
        id: row.id,
        kind: 'message',
        subjectId: row.id,
        ordinal: 0,
        title: `#${channel.name}`,
        body: row.body,
        grants,
        source: { channelId: row.channelId, threadId: row.threadId },
      },
    ]);
  }

  remove(tx: Tx, ctx: OrgContext, messageId: string): Promise<void> {
    return this.index.removeSubject(tx, ctx, 'message', messageId);
  }
}

/** Of the channel's keys those whose holders may read every source too. */
export function unitGrants(channel: Pick<ChannelRow, 'id' | 'kind'>, requires: readonly (readonly string[])[]): string[] {
  return grantsOf(channel).filter((key) => requires.every((source) => source.includes(key)));
}
