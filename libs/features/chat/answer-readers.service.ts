import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import type { ChannelId } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { NotFound } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import { type Subject, subjectKey } from '@atrium/platform/search';
import { type OrgContext, PrincipalDirectory } from '@atrium/platform/tenancy';
import { AnswerSourceRepository } from './answer-source.repository.js';
import { ChannelRepository } from './channel.repository.js';
import { authorOf, messageView, WITHHELD } from './message.js';
import { sourcesChanged } from './message-events.js';
import { MessageRepository } from './message.repository.js';
import { MessageUnits } from './message-units.js';
import { nameOf } from './reader.js';

/** Brings answers after a change of what they were made of. `ctx` is the system's. */
@Injectable()
export class AnswerReaders {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly channels: ChannelRepository,
    private readonly messages: MessageRepository,
    private readonly sources: AnswerSourceRepository,
    private readonly units: MessageUnits,
    private readonly directory: PrincipalDirectory,
  ) {}

  /**
   * Gives an answer the readers that its sources have now, in search and live, and takes its text out of the events before. When a source is
   * gone (`gone` is known to be so), the answer's text goes everywhere. Done again it does nothing. An answer that is being written is left
   * to its end, which is heard of. Answers whether to come again, because a source is hidden for now.
   */
  async follow(ctx: OrgContext, answerId: string, gone: Subject | null): Promise<boolean> {
    const peeked = await this.db.readInOrg(ctx, (tx) => this.messages.find(tx, ctx, answerId));
    if (!peeked) return false;
    const names = await this.directory.displayNames(ctx.orgId, [authorOf(peeked)]);
    return this.db
      .inOrg(ctx, async (tx) => {
        const { channel } = await this.channels.lock(tx, ctx, peeked.channelId as ChannelId);
        const row = await this.messages.lock(tx, ctx, answerId);
        if (!row || row.deletedAt || row.status === 'streaming') return false;
        const told = await this.sources.list(tx, ctx, answerId);
        const { sources, isGone, isHidden } = await this.sources.present(tx, ctx, told);
        if (isGone || (gone && told.some((source) => subjectKey(source) === subjectKey(gone)))) {
          const columns = { ...WITHHELD, updatedAt: new Date() };
          await this.messages.update(tx, ctx, answerId, columns);
          await this.messages.removeTraces(tx, ctx, answerId);
          await this.events.append(tx, ctx, sourcesChanged(messageView({ ...row, ...columns }, names), []));
          return false;
        }
        if (isDeepStrictEqual(sources, told)) return isHidden;
        const requires = sources.map(({ grants }) => grants);
        await this.sources.put(tx, ctx, answerId, sources);
        if (row.status === 'complete') await this.units.put(tx, ctx, channel, row, nameOf(names, row), requires);
        await this.events.eraseText(tx, ctx, { kind: 'message', id: answerId });
        await this.events.append(tx, ctx, sourcesChanged(messageView(row, names), requires));
        return isHidden;
      })
      .catch((error: unknown) => {
        // The channel went meanwhile, and the answer with it.
        if (error instanceof NotFound) return false;
        throw error;
      });
  }
}
