import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { ChannelId, OrgId } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Durable } from '@atrium/platform/durable';
import { NotFound } from '@atrium/platform/errors';
import { type LoggedEvent, OnEvent } from '@atrium/platform/events';
import { type OrgContext, systemContext } from '@atrium/platform/tenancy';
import { ChannelRepository } from './channel.repository.js';
import { MessageRepository } from './message.repository.js';
import { MessageUnits } from './message-units.js';

const RETITLE = 'chat.retitle_channel';
const RETRY = { attempts: 10, backoffSeconds: 2 };
/** Messages of one transaction, in which nobody posts. */
const BATCH = 200;

/** After a channel was renamed, search finds and shows what was said in it under the new name. */
@Injectable()
export class ChannelTitles implements OnModuleInit {
  constructor(
    private readonly db: Db,
    private readonly durable: Durable,
    private readonly channels: ChannelRepository,
    private readonly messages: MessageRepository,
    private readonly units: MessageUnits,
  ) {}

  onModuleInit(): void {
    this.durable.register(
      RETITLE,
      async ({ orgId, channelId }, run) => {
        let after: number | null = 0;
        const some = async () => {
          after = await this.retitleSome(systemContext(orgId as OrgId, run.id), channelId as ChannelId, after ?? 0);
          return after !== null;
        };
        await run.repeat('write titles', some, RETRY);
      },
      { concurrency: 2, share: 1 },
    );
  }

  @OnEvent(RETITLE, 'chat.channel_changed')
  async start(ctx: OrgContext, { id, subject, data }: LoggedEvent): Promise<void> {
    const fields = data['fields'];
    if (!Array.isArray(fields) || !fields.includes('name')) return;
    await this.durable.start(RETITLE, `retitle-channel:${id}`, { orgId: ctx.orgId, channelId: subject.id });
  }

  /** The next messages after the seq `after`; the last one's seq, or null when there are no more. */
  private retitleSome(ctx: OrgContext, channelId: ChannelId, after: number): Promise<number | null> {
    return this.db.inOrg(ctx, async (tx) => {
      // The name that it has now, whichever change this work is of.
      const access = await this.channels.lock(tx, ctx, channelId).catch((error: unknown) => {
        if (error instanceof NotFound) return null;
        throw error;
      });
      if (!access) return null;
      const rows = await this.messages.idsAfter(tx, ctx, channelId, after, BATCH);
      await this.units.retitle(
        tx,
        ctx,
        access.channel,
        rows.map(({ id }) => id),
      );
      const last = rows.at(-1);
      return rows.length < BATCH || !last ? null : Number(last.seq);
    });
  }
}
