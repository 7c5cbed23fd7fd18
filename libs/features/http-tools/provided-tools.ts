import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { ForeignToolEffect } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { Conflict, Unavailable } from '@atrium/platform/errors';
import { Events, type JsonObject } from '@atrium/platform/events';
import type { OrgContext } from '@atrium/platform/tenancy';
import { begun, type ForeignAnswer, type ForeignTool, ForeignTools, oneLine, outcomeOf, ToolRegistry } from '@atrium/platform/tools';
import { type Heard, HttpCalls } from './http-calls.js';
import { hashOf, type HttpToolRow, PREFIX, toolTold } from './http-tool.js';
import { HttpToolRepository } from './http-tool.repository.js';

/** The HTTP tools of an organization, in the registry. */
@Injectable()
export class ProvidedTools extends ForeignTools {
  constructor(
    registry: ToolRegistry,
    private readonly db: Db,
    private readonly events: Events,
    private readonly tools: HttpToolRepository,
    private readonly calls: HttpCalls,
  ) {
    super(registry);
  }

  protected async callableNames(ctx: OrgContext): Promise<{ tool: string; effect: string }[]> {
    const found = await this.db.readInOrg(ctx, (tx) => this.tools.callableNames(tx, ctx));
    return found.map((row) => ({ tool: registryName(row), effect: row.effect }));
  }

  async known(ctx: OrgContext, names: readonly string[]): Promise<string[]> {
    return (await this.named(ctx, names)).map(registryName);
  }

  protected async callable(ctx: OrgContext, names: readonly string[]): Promise<ForeignTool[]> {
    return (await this.named(ctx, names)).filter(({ enabled }) => enabled).map((row) => this.asForeign(row));
  }

  private async named(ctx: OrgContext, tools: readonly string[]): Promise<HttpToolRow[]> {
    const names = tools.filter((tool) => tool.startsWith(PREFIX)).map((tool) => tool.slice(PREFIX.length));
    return names.length === 0 ? [] : this.db.readInOrg(ctx, (tx) => this.tools.named(tx, ctx, names));
  }

  private asForeign(row: HttpToolRow): ForeignTool {
    return {
      name: registryName(row),
      description: row.description,
      inputSchema: row.inputSchema as ForeignTool['inputSchema'],
      version: hashOf(row),
      effect: row.effect as ForeignToolEffect,
      run: (ctx, args) => this.call(ctx, row, args as JsonObject),
    };
  }

  /** @throws Unavailable `http-tools.answered`, Conflict `tools.changed`, `tools.outcome_unknown`, and what `HttpCalls.make` throws */
  private async call(ctx: OrgContext, row: HttpToolRow, args: JsonObject): Promise<ForeignAnswer> {
    const heard = await this.calls
      .make(row, args, () => this.begin(ctx, row))
      .catch((error: unknown) => {
        throw outcomeOf(row.effect, error);
      });
    return answerOf(row, heard);
  }

  private async begin(ctx: OrgContext, row: HttpToolRow): Promise<string> {
    return begun(this.db, ctx, { name: registryName(row), effect: row.effect }, async (tx) => {
      const current = await this.tools.lock(tx, ctx, row.id);
      if (current.updatedAt.getTime() !== row.updatedAt.getTime())
        throw new Conflict('tools.changed', `${registryName(row)} was changed at this moment. Look at it again.`);
      const callId = ctx.idempotency?.key ?? uuidv7();
      await this.events.append(tx, ctx, toolTold('http-tools.called', row, { data: { callId } }));
      return callId;
    });
  }
}

const registryName = ({ name }: Pick<HttpToolRow, 'name'>): string => `${PREFIX}${name}`;

/** @throws Unavailable `http-tools.answered`, `http-tools.failed` */
function answerOf({ name, effect }: HttpToolRow, { status, contentType, text, structured }: Heard): ForeignAnswer {
  if (status < 200 || status > 299) {
    const isPassing = status === 408 || status === 425 || status === 429 || status > 499;
    throw new Unavailable(
      'http-tools.answered',
      `The system of the HTTP tool ${name} answered with status ${status}: ${oneLine(text ?? '', 500)}`,
      {
        retryable: isPassing && effect === 'reads',
      },
    );
  }
  if (text === null)
    throw new Unavailable(
      'http-tools.failed',
      `The system of the HTTP tool ${name} answered with ${contentType || 'an unnamed type'}, which is neither JSON nor text.`,
      {
        retryable: false,
      },
    );
  return { text: structured === null ? text : '', structured };
}
