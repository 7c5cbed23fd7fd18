import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type {
  ChannelId,
  CreatedIncomingWebhook,
  CreateIncomingWebhook,
  IncomingTarget,
  IncomingWebhook,
  IncomingWebhookId,
  Page,
  PageQuery,
  WorkflowId,
} from '@atrium/contracts';
import { ChannelsQueries } from '@atrium/features/chat';
import { WorkflowsQueries } from '@atrium/features/workflows';
import { Db } from '@atrium/platform/db';
import { NotFound, QuotaExceeded } from '@atrium/platform/errors';
import { Events } from '@atrium/platform/events';
import { decodeCursor, listed, pageOf } from '@atrium/platform/http';
import { type OrgContext, PrincipalDirectory } from '@atrium/platform/tenancy';
import { HookSecrets } from './hook-secret.js';
import { incomingTold, type IncomingRow, toIncomingWebhook } from './incoming-webhook.js';
import { ownedBy } from './owners.js';

const MAX_INCOMING = 50;

/** Incoming webhooks: made, listed, removed. */
@Injectable()
export class IncomingWebhooksService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly secrets: HookSecrets,
    private readonly channels: ChannelsQueries,
    private readonly workflows: WorkflowsQueries,
    private readonly directory: PrincipalDirectory,
  ) {}

  /** Newest first. */
  list(ctx: OrgContext, { limit, cursor }: PageQuery): Promise<Page<IncomingWebhook>> {
    const before = decodeCursor(cursor, ['uuid'])?.[0];
    return this.db.readInOrg(ctx, async (tx) => {
      const where = { orgId: ctx.orgId, ...(before === undefined ? {} : { id: { lt: before } }) };
      const rows = await tx.incomingWebhook.findMany({ where, orderBy: { id: 'desc' }, take: limit + 1 });
      const { data, nextCursor } = pageOf(rows, limit, (last) => [last.id]);
      return listed({ data: data.map(toIncomingWebhook), nextCursor }, await this.events.head(tx, ctx));
    });
  }

  /**
   * The answer holds the path with the secret, this once.
   * @throws NotFound `chat.channel_not_found`, `agents.not_found`, `workflows.not_found`, QuotaExceeded `webhooks.limit_reached`
   */
  async create(ctx: OrgContext, { name, target }: CreateIncomingWebhook): Promise<CreatedIncomingWebhook> {
    const owner = ownedBy(ctx);
    await this.assertThere(ctx, target);
    const created = await this.db.inOrg(ctx, async (tx) => {
      await tx.$queryRaw`SELECT 1 FROM pg_advisory_xact_lock(hashtextextended(${`${ctx.orgId}|incoming_webhooks`}, 2))`;
      if ((await tx.incomingWebhook.count({ where: { orgId: ctx.orgId } })) >= MAX_INCOMING)
        throw new QuotaExceeded('webhooks.limit_reached', `An organization can have ${MAX_INCOMING} incoming webhooks. Remove one first.`, {
          retryable: false,
        });
      const at = new Date();
      const secret = this.secrets.make();
      const row: IncomingRow = {
        orgId: ctx.orgId,
        id: uuidv7(),
        ...owner,
        name,
        prefix: this.secrets.prefixOf(secret),
        targetKind: target.kind,
        targetId: target.id,
        agentId: target.agentId ?? null,
        lastUsedAt: null,
        createdAt: at,
        updatedAt: at,
      };
      await tx.incomingWebhook.createMany({ data: row });
      await this.events.append(tx, ctx, incomingTold('webhooks.incoming_created', row));
      return { ...toIncomingWebhook(row), path: `/v1/hooks/${secret}` };
    });
    const secretHash = this.secrets.hash(created.path.slice('/v1/hooks/'.length));
    await this.db.asIdentity(
      (tx) => tx.$executeRaw`INSERT INTO incoming_webhook_lookups (secret_hash, org_id, incoming_webhook_id)
        VALUES (${secretHash}, ${ctx.orgId}::uuid, ${created.id}::uuid) ON CONFLICT DO NOTHING`,
    );
    return created;
  }

  /** Its address is unknown from then on. @throws NotFound `webhooks.incoming_not_found` */
  async remove(ctx: OrgContext, id: IncomingWebhookId): Promise<void> {
    await this.db.inOrg(ctx, async (tx) => {
      const row = await tx.incomingWebhook.findFirst({ where: { orgId: ctx.orgId, id } });
      const { count } = await tx.incomingWebhook.deleteMany({ where: { orgId: ctx.orgId, id } });
      if (!row || count === 0) throw new NotFound('webhooks.incoming_not_found', 'There is no such incoming webhook.');
      await this.events.eraseText(tx, ctx, { kind: 'incoming_webhook', id });
      await this.events.append(tx, ctx, incomingTold('webhooks.incoming_removed', row));
    });
    await this.db.asIdentity((tx) => tx.incomingWebhookLookup.deleteMany({ where: { orgId: ctx.orgId, incomingWebhookId: id } }));
  }

  private async assertThere(ctx: OrgContext, { kind, id, agentId }: IncomingTarget): Promise<void> {
    await (kind === 'channel' ? this.channels.get(ctx, id as ChannelId) : this.workflows.get(ctx, id as WorkflowId));
    if (agentId !== undefined && !(await this.directory.exists(ctx.orgId, { kind: 'agent', id: agentId })))
      throw new NotFound('agents.not_found', 'There is no such agent.');
  }
}
