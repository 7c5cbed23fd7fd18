import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { OrgId } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Durable } from '@atrium/platform/durable';
import { type LoggedEvent, OnEvent } from '@atrium/platform/events';
import { type OrgContext, systemContext } from '@atrium/platform/tenancy';
import { ChannelRepository } from './channel.repository.js';
import { MessageRepository } from './message.repository.js';
import { MessageUnits } from './message-units.js';

const ERASE = 'chat.erase_channel';
const RETRY = { attempts: 10, backoffSeconds: 2 };

/** Takes away what a removed channel held: messages, units and texts of events, some hundred in a transaction, the channel's row last. */
@Injectable()
export class ChannelErasure implements OnModuleInit {
  constructor(
    private readonly db: Db,
    private readonly durable: Durable,
    private readonly channels: ChannelRepository,
    private readonly messages: MessageRepository,
    private readonly units: MessageUnits,
  ) {}

  onModuleInit(): void {
    this.durable.register(
      ERASE,
      ({ orgId, channelId }, run) =>
        run.repeat('erase messages', () => this.eraseSome(systemContext(orgId as OrgId, run.id), String(channelId)), RETRY),
      { concurrency: 1 },
    );
  }

  @OnEvent(ERASE, 'chat.channel_deleted')
  async start(ctx: OrgContext, { id, subject }: LoggedEvent): Promise<void> {
    await this.durable.start(ERASE, `erase-channel:${id}`, { orgId: ctx.orgId, channelId: subject.id });
  }

  /** The next messages; whether there may be more to do. */
  eraseSome(ctx: OrgContext, channelId: string): Promise<boolean> {
    return this.db.inOrg(ctx, async (tx) => {
      if ((await this.messages.eraseBatch(tx, ctx, channelId)) > 0) return true;
      await this.channels.remove(tx, ctx, channelId);
      await this.units.forgetChannel(tx, ctx, channelId);
      return false;
    });
  }
}
