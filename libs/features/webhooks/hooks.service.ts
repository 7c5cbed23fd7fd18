import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import {
  type AgentId,
  type ChannelId,
  type HookBody,
  type HookReceipt,
  judged,
  MessageBody,
  type OrgId,
  type WorkflowId,
} from '@atrium/contracts';
import { MessagesService } from '@atrium/features/chat';
import { RunsService } from '@atrium/features/workflows';
import { Db } from '@atrium/platform/db';
import { Conflict, Forbidden, Invalid, NotFound, QuotaExceeded } from '@atrium/platform/errors';
import { LimitStorage } from '@atrium/platform/http';
import { asAgent, assertPermission, type Caller, type OrgContext, PrincipalDirectory, systemContext } from '@atrium/platform/tenancy';
import { HookSecrets } from './hook-secret.js';
import type { IncomingRow } from './incoming-webhook.js';
import { Owners } from './owners.js';

const MAX_BODY_BYTES = 256 * 1_024;
/** What one incoming webhook takes. */
const MAX_PER_MINUTE = 120;

/** What comes in by incoming webhooks. Whoever knows the secret acts with the rights of who made it, and in no person's name. */
@Injectable()
export class HooksService {
  constructor(
    private readonly db: Db,
    private readonly secrets: HookSecrets,
    private readonly owners: Owners,
    private readonly limits: LimitStorage,
    private readonly messages: MessagesService,
    private readonly runs: RunsService,
    private readonly directory: PrincipalDirectory,
  ) {}

  /**
   * Posts a message or starts a run: once for each `key`, the sender's own name for what it sends.
   * @throws NotFound `webhooks.incoming_not_found`, QuotaExceeded `request.rate_limited`, Invalid `request.too_large`, `request.invalid`,
   * Forbidden `webhooks.owner_gone`, `auth.permission_missing`, Conflict `agents.not_active`, and what posting a message or starting a run
   * throws
   */
  async receive(caller: Caller, secret: string, body: HookBody, key: string | null): Promise<HookReceipt> {
    const { system, hook } = await this.find(caller, secret);
    await this.assertRoom(hook);
    if (Buffer.byteLength(JSON.stringify(body)) > MAX_BODY_BYTES)
      throw new Invalid('request.too_large', 'An incoming webhook takes at most 256 KiB of JSON.', { status: 413 });
    const ctx = await this.owners.contextOf(system, hook);
    if (!ctx) throw new Forbidden('webhooks.owner_gone', 'Who made this webhook may no longer manage webhooks. Make a new one.');
    const name = key === null ? null : `hook:${createHash('sha256').update(`${hook.id}\n${key}`).digest('base64url')}`;
    const receipt = await this.act(ctx, hook, body, name);
    await this.noteUse(system, hook);
    return receipt;
  }

  private async act(
    ctx: OrgContext,
    { targetKind, targetId, agentId }: IncomingRow,
    body: HookBody,
    name: string | null,
  ): Promise<HookReceipt> {
    if (targetKind === 'workflow') {
      assertPermission(ctx, 'workflows:run');
      const reason = { kind: 'webhook' as const, ...(name === null ? {} : { startKey: name }) };
      const run = await this.runs.start(ctx, targetId as WorkflowId, { input: body }, reason);
      return { messageId: null, runId: run.id };
    }
    assertPermission(ctx, 'messages:write');
    const { principal } = ctx;
    if (principal.kind !== 'user') throw new Error('a webhook belongs to a person');
    // In an agent's name: text from outside is nobody's words here, and what agents say commands no agent.
    if (agentId === null || !(await this.directory.mayAct(ctx.orgId, { kind: 'agent', id: agentId })))
      throw new Conflict(
        'agents.not_active',
        'The agent in whose name it posts is not active. Let it work again, or make another webhook.',
      );
    const agent = asAgent(ctx, agentId as AgentId, principal.id, principal.role);
    const message = await this.messages.postOnce(agent, targetId as ChannelId, { body: textOf(body), clientId: name });
    return { messageId: message.id, runId: null };
  }

  /** @throws NotFound `webhooks.incoming_not_found` */
  private async find(caller: Caller, secret: string): Promise<{ system: OrgContext; hook: IncomingRow }> {
    const secretHash = this.secrets.hash(secret);
    const found = await this.db.asIdentity((tx) => tx.incomingWebhookLookup.findFirst({ where: { secretHash } }));
    const system = found && { ...systemContext(found.orgId as OrgId, caller.requestId), ip: caller.ip, userAgent: caller.userAgent };
    const hook =
      found && system
        ? await this.db.readInOrg(system, (tx) =>
            tx.incomingWebhook.findFirst({ where: { orgId: found.orgId, id: found.incomingWebhookId } }),
          )
        : null;
    if (!system || !hook) throw new NotFound('webhooks.incoming_not_found', 'There is no such incoming webhook.');
    return { system, hook };
  }

  /** @throws QuotaExceeded `request.rate_limited` */
  private async assertRoom({ orgId, id }: IncomingRow): Promise<void> {
    const { isBlocked, timeToExpire } = await this.limits.increment(`${orgId}|hook|${id}`, 60_000, MAX_PER_MINUTE);
    if (!isBlocked) return;
    throw new QuotaExceeded('request.rate_limited', `An incoming webhook takes ${MAX_PER_MINUTE} requests a minute.`, {
      retryAfterSeconds: timeToExpire,
    });
  }

  /** At most once a minute. */
  private async noteUse(system: OrgContext, { id, lastUsedAt }: IncomingRow): Promise<void> {
    if (lastUsedAt !== null && Date.now() - lastUsedAt.getTime() < 60_000) return;
    await this.db.inOrg(system, (tx) =>
      tx.incomingWebhook.updateMany({ where: { orgId: system.orgId, id }, data: { lastUsedAt: new Date() } }),
    );
  }
}

/** @throws Invalid `request.invalid` */
function textOf(body: HookBody): string {
  const text = judged(MessageBody, body['text']);
  if (text.success) return text.data;
  const places = text.error.issues.map(({ message }) => ({ pointer: '/text', message }));
  throw new Invalid('request.invalid', `The body needs a text for the channel: /text ${places[0]?.message ?? ''}`, { places });
}
