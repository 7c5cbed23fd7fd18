import { Injectable } from '@nestjs/common';
import type { ChannelId, Citation, Message, MessageId } from '@atrium/contracts';
import { Db, type Tx } from '@atrium/platform/db';
import { Events } from '@atrium/platform/events';
import { type OrgContext, PrincipalDirectory, systemFor } from '@atrium/platform/tenancy';
import { AnswerSourceRepository } from './answer-source.repository.js';
import type { ChannelAccess } from './channel.js';
import { ChannelRepository } from './channel.repository.js';
import { type AnswerSource, assertAuthor, assertNotDeleted, messageNotFound, type MessageRow, messageView } from './message.js';
import { messageCompleted } from './message-events.js';
import { MessageRepository } from './message.repository.js';
import { MessageUnits } from './message-units.js';
import { MessagesService } from './messages.service.js';
import { nameOf, type Names, readerOf } from './reader.js';

/** How an answer ended. */
interface Ending {
  status: 'complete' | 'failed' | 'cancelled';
  body: string;
  citations: Citation[];
  /** Absent: those that were saved with its text. */
  sources?: readonly AnswerSource[] | undefined;
}

/** An agent's answer: opened as a `streaming` message, grown without events, and ended by one. `ctx` is the agent's own. */
@Injectable()
export class AnswersService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly channels: ChannelRepository,
    private readonly messages: MessageRepository,
    private readonly sources: AnswerSourceRepository,
    private readonly posts: MessagesService,
    private readonly units: MessageUnits,
    private readonly directory: PrincipalDirectory,
  ) {}

  /**
   * Begins an answer; the same `clientId` again answers the message that there is, so a turn that is run again goes on with it.
   * @throws as MessagesService.post: an agent answers only where it is a member
   */
  async openAnswer(ctx: OrgContext, input: { channelId: ChannelId; threadId: MessageId | null; clientId: string }): Promise<Message> {
    const names = await this.ownName(ctx);
    const post = { body: '', threadId: input.threadId, clientId: input.clientId, status: 'streaming' as const };
    return this.db.inOrg(ctx, (tx) => this.posts.postIn(tx, ctx, input.channelId, post, names));
  }

  /**
   * Keeps the text so far, for clients that come or come back. Plain row, no event. `sources`: what the text is made of, as far as it is known.
   * Answers the grants that these have now, one each of which a reader needs; null when the message is not being written any more, because
   * it ended or was deleted.
   */
  async saveProgress(ctx: OrgContext, id: MessageId, body: string, sources: readonly AnswerSource[] = []): Promise<string[][] | null> {
    const { self } = readerOf(ctx);
    return this.db.inOrg(ctx, async (tx) => {
      const saved = await tx.message.updateMany({
        where: { orgId: ctx.orgId, id, status: 'streaming', deletedAt: null, authorKind: self?.kind ?? '', authorId: self?.id ?? '' },
        data: { body },
      });
      if (saved.count === 0) return null;
      const present = await this.sources.present(tx, ctx, sources);
      if (sources.length > 0) await this.sources.put(tx, ctx, id, present.sources);
      return present.sources.map(({ grants }) => grants);
    });
  }

  /**
   * Ends an answer with its whole text. An answer that has ended stays as it is.
   * @throws Conflict `chat.message_deleted`, Forbidden `chat.not_the_author`, NotFound `chat.message_not_found`
   */
  complete(
    ctx: OrgContext,
    id: MessageId,
    answer: { body: string; citations: Citation[]; sources: readonly AnswerSource[] },
  ): Promise<Message> {
    return this.end(ctx, id, { ...answer, status: 'complete' });
  }

  /** Ends an answer that was given up; what was written so far may stay. @throws as `complete` */
  fail(
    ctx: OrgContext,
    id: MessageId,
    failed: { body: string; status: 'failed' | 'cancelled'; citations?: Citation[]; sources?: readonly AnswerSource[] },
  ): Promise<Message> {
    return this.end(ctx, id, { citations: [], ...failed });
  }

  /** For the readers that its sources have now: nobody, when one is gone. SourceChanges hears of the end and asks once more. */
  private async end(ctx: OrgContext, id: MessageId, ending: Ending): Promise<Message> {
    const names = await this.ownName(ctx);
    return this.db.inOrg(ctx, async (tx) => {
      const { row, access } = await this.lock(tx, ctx, id);
      assertAuthor(ctx, row);
      assertNotDeleted(row);
      if (row.status !== 'streaming') return messageView(row, names);
      const { sources: given, ...columns } = ending;
      const { sources } = await this.sources.present(tx, ctx, given ?? (await this.sources.list(tx, ctx, id)));
      const ended = { ...row, ...columns, updatedAt: new Date() };
      await this.messages.update(tx, ctx, id, { ...columns, updatedAt: ended.updatedAt });
      await this.sources.put(tx, ctx, id, sources);
      const requires = sources.map(({ grants }) => grants);
      if (ending.status === 'complete') await this.units.put(tx, ctx, access.channel, ended, nameOf(names, ended), requires);
      await this.events.append(tx, ctx, messageCompleted(messageView(ended, names), requires));
      return messageView(ended, names);
    });
  }

  /** Channel first, then message: the order of every command. An agent ends what it began, even when its person may not read it any more. */
  private async lock(tx: Tx, ctx: OrgContext, id: MessageId): Promise<{ row: MessageRow; access: ChannelAccess }> {
    const peeked = await this.messages.find(tx, ctx, id);
    if (!peeked) throw messageNotFound();
    const access = await this.channels.lock(tx, systemFor(ctx), peeked.channelId as ChannelId);
    const row = await this.messages.lock(tx, ctx, id);
    if (!row) throw messageNotFound();
    return { row, access };
  }

  private ownName(ctx: OrgContext): Promise<Names> {
    const { self } = readerOf(ctx);
    return this.directory.displayNames(ctx.orgId, self ? [self] : []);
  }
}
