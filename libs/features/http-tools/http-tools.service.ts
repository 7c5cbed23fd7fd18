import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { CreateHttpTool, HttpTool, HttpToolId, HttpToolTest, PatchHttpTool, TestHttpTool } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { DomainError, QuotaExceeded } from '@atrium/platform/errors';
import { type EventDraft, Events } from '@atrium/platform/events';
import { assertUnchanged, later } from '@atrium/platform/http';
import type { OrgContext } from '@atrium/platform/tenancy';
import { HttpToolCredentials } from './credentials.js';
import { assertSound } from './definition.js';
import { HttpCalls } from './http-calls.js';
import { assertCredentialStays, changesBetween, definitionOf, type HttpToolRow, toHttpTool, toolTold } from './http-tool.js';
import { HttpToolRepository } from './http-tool.repository.js';

const MAX_TOOLS = 100;

/** The commands on HTTP tools. */
@Injectable()
export class HttpToolsService {
  constructor(
    private readonly db: Db,
    private readonly events: Events,
    private readonly tools: HttpToolRepository,
    private readonly credentials: HttpToolCredentials,
    private readonly calls: HttpCalls,
  ) {}

  /** @throws Invalid `http-tools.invalid_definition`, Conflict `http-tools.name_taken`, QuotaExceeded `http-tools.limit_reached` */
  create(ctx: OrgContext, { credential, ...input }: CreateHttpTool): Promise<HttpTool> {
    return this.db.inOrg(ctx, async (tx) => {
      if ((await this.tools.lockedCount(tx, ctx)) >= MAX_TOOLS)
        throw new QuotaExceeded('http-tools.limit_reached', `An organization can have ${MAX_TOOLS} HTTP tools. Remove one first.`, {
          retryable: false,
        });
      const at = new Date();
      const place = { orgId: ctx.orgId, id: uuidv7() };
      const row = { ...place, ...input, ...this.credentials.seal(credential, place), createdAt: at, updatedAt: at };
      assertSound(definitionOf(row));
      await this.tools.insert(tx, row);
      await this.events.append(tx, ctx, toolTold('http-tools.created', row));
      return toHttpTool(row);
    });
  }

  /**
   * Honours If-Match. Approvals that were asked for before hold no more, unless only the credential or `enabled` is another.
   * @throws NotFound `http-tools.not_found`, Invalid `http-tools.credential_needed`, `http-tools.invalid_definition`, Conflict
   * `request.precondition_failed`
   */
  change(ctx: OrgContext, id: HttpToolId, { credential, ...patch }: PatchHttpTool): Promise<HttpTool> {
    return this.db.inOrg(ctx, async (tx) => {
      const before = await this.tools.lock(tx, ctx, id);
      assertUnchanged(ctx, before);
      assertCredentialStays(before, patch.url, credential !== undefined);
      const given = Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined)) as Partial<HttpToolRow>;
      const sealed = credential === undefined ? {} : this.credentials.seal(credential, before);
      const after = { ...before, ...given, ...sealed, updatedAt: later(before.updatedAt) };
      const changes = changesBetween(before, after);
      if (!changes) return toHttpTool(before);
      assertSound(definitionOf(after));
      await this.tools.update(tx, after);
      await this.events.append(tx, ctx, toolTold('http-tools.changed', after, { changes }));
      return toHttpTool(after);
    });
  }

  /** At once; calls under way are not stopped. Honours If-Match. @throws NotFound `http-tools.not_found`, Conflict `request.precondition_failed` */
  async remove(ctx: OrgContext, id: HttpToolId): Promise<void> {
    await this.db.inOrg(ctx, async (tx) => {
      const row = await this.tools.lock(tx, ctx, id);
      assertUnchanged(ctx, row);
      await this.tools.remove(tx, ctx, id);
      await this.events.eraseText(tx, ctx, { kind: 'http_tool', id });
      await this.events.append(tx, ctx, toolTold('http-tools.removed', row));
    });
  }

  /**
   * A real call, also of a tool that is turned off; each time anew, whatever the request's Idempotency-Key. A failure of the system is the
   * answer, not an error.
   * @throws NotFound `http-tools.not_found`, Invalid `tools.invalid_arguments`, QuotaExceeded `http-tools.busy`
   */
  async test(given: OrgContext, id: HttpToolId, { arguments: args }: TestHttpTool): Promise<HttpToolTest> {
    const ctx = { ...given, idempotency: null };
    const row = await this.db.readInOrg(ctx, (tx) => this.tools.get(tx, ctx, id));
    const startedAt = performance.now();
    const heard = await this.heardOf(ctx, row, args);
    const result = { ...heard, durationMs: Math.round(performance.now() - startedAt) };
    const data = { status: result.status, durationMs: result.durationMs, failureCode: result.failure?.code ?? null };
    await this.tell(ctx, toolTold('http-tools.tested', row, { data }));
    return result;
  }

  private async heardOf(ctx: OrgContext, row: HttpToolRow, args: TestHttpTool['arguments']): Promise<Omit<HttpToolTest, 'durationMs'>> {
    const callId = uuidv7();
    try {
      const { status, contentType, text } = await this.calls.make(row, args, async () => {
        await this.tell(ctx, toolTold('http-tools.called', row, { data: { callId } }));
        return callId;
      });
      return { status, contentType, body: text, failure: null };
    } catch (error) {
      if (!(error instanceof DomainError) || !['http-tools.failed', 'outbound.refused'].includes(error.code)) throw error;
      return { status: null, contentType: null, body: null, failure: { code: error.code, message: error.message } };
    }
  }

  private async tell(ctx: OrgContext, draft: EventDraft): Promise<void> {
    await this.db.inOrg(ctx, (tx) => this.events.append(tx, ctx, draft));
  }
}
