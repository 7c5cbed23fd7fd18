import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { AgentCall, ChannelId, ToolEffect } from '@atrium/contracts';
import type { AnswerSource } from '@atrium/features/chat';
import type { ModelTool } from '@atrium/platform/ai';
import { DomainError, Forbidden, Invalid, NotFound } from '@atrium/platform/errors';
import { canonicalJson, type Json } from '@atrium/platform/events';
import { Log } from '@atrium/platform/observability';
import { GrantSet, ReaderGrants } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import { ToolRegistry } from '@atrium/platform/tools';
import { AnswerAudience } from './answer-audience.js';
import { isReading } from './call-policy.js';
import { kept, offerOf } from './run-conversation.js';
import type { RunRow, StepRow } from './run.repository.js';

/** How long a tool may take. Seconds. */
const CALL_SECONDS = 60;
/** Tools that one model is offered. */
const MAX_OFFERED = 500;
/** What readers share who share nothing: a key that nothing has. */
const NOTHING = GrantSet.ofChannel(['nothing']);

/** What came of a call. */
export type CallOutcome =
  { status: 'succeeded'; output: Json; sources: AnswerSource[] } | { status: 'failed' | 'outcome_unknown'; code: string; message: string };

/** `definition`: the hash of what a tool of another server said of itself. */
export type BoundCall = { tool: string | null; arguments: Json; definition?: string };

/** A call that is to be made: `key` names it for ever, with `version` only while the tool is that one. */
interface RunCall {
  tool: string;
  arguments: Json;
  key: string;
  effects: readonly ToolEffect[];
  version: string | null;
}

/** The tools of a run: those of the agent that the run was granted, with the rights of the person, and what the readers of its answer may read. */
@Injectable()
export class AgentRunTools {
  constructor(
    private readonly tools: ToolRegistry,
    private readonly audience: AnswerAudience,
    private readonly grants: ReaderGrants,
    private readonly log: Log,
  ) {}

  /** The context in which calls are made: of a run that answers many readers, narrowed to what all of them may read. */
  async contextOf(system: OrgContext, ctx: OrgContext, { channelId }: Pick<RunRow, 'channelId'>): Promise<OrgContext> {
    if (channelId === null) return ctx;
    const audience = await this.audience.of(system, ctx, channelId as ChannelId);
    return this.grants.narrow(ctx, audience ?? NOTHING);
  }

  /** What the model is told that it may call. */
  async offers(ctx: OrgContext, run: RunRow): Promise<ModelTool[]> {
    return (await this.tools.among(ctx, run.tools.slice(0, MAX_OFFERED), { forAudiences: run.channelId !== null })).map(offerOf);
  }

  /**
   * What the call would do.
   * @throws NotFound `tools.not_found`, Forbidden `agents.tool_not_allowed`, `auth.permission_missing`, Invalid `tools.invalid_arguments`
   */
  async effectsOf(
    ctx: OrgContext,
    run: RunRow,
    { tool, arguments: args }: Pick<AgentCall, 'tool' | 'arguments'>,
  ): Promise<readonly ToolEffect[]> {
    if (!(await this.tools.has(ctx, tool))) throw new NotFound('tools.not_found', 'There is no such tool.');
    if (!(await this.isOpen(ctx, run, tool))) throw new Forbidden('agents.tool_not_allowed', 'This agent may not use this tool here.');
    if (args === null) throw new Invalid('tools.invalid_arguments', `The arguments of ${tool} are no JSON object.`);
    return this.tools.effectsOf(ctx, tool, args);
  }

  /** What an approval of the call is bound to: the tool, as it is now where that can change, and the arguments. */
  async boundTo(ctx: OrgContext, { tool, arguments: args }: Pick<StepRow, 'tool' | 'arguments'>): Promise<BoundCall> {
    const version = await this.tools.versionOf(ctx, tool ?? '');
    return { tool, arguments: args, ...(version === null ? {} : { definition: version }) };
  }

  /** Makes the call, under a key that names it for ever. @throws what may pass by itself, and the signal's reason */
  async call(ctx: OrgContext, { tool, arguments: args, key, effects, version }: RunCall, signal: AbortSignal): Promise<CallOutcome> {
    try {
      const output = await within(signal, this.once(ctx, tool, args, key, version));
      return { status: 'succeeded', output: kept(output), sources: this.tools.sourcesOf(tool, output) ?? [] };
    } catch (error) {
      if (signal.aborted && error === signal.reason) throw error;
      if (error instanceof Late) {
        const message = `${tool} did not answer within ${CALL_SECONDS} seconds.`;
        return { status: isReading(effects) ? 'failed' : 'outcome_unknown', code: 'tools.timed_out', message };
      }
      if (error instanceof DomainError && error.code === 'request.database_unavailable') throw error;
      if (error instanceof DomainError && error.code === 'tools.outcome_unknown')
        return { status: 'outcome_unknown', code: error.code, message: error.message };
      if (error instanceof DomainError) return { status: 'failed', code: error.code, message: error.message.slice(0, 1_000) };
      this.log.fault('a tool failed', error, { kind: tool, requestId: ctx.requestId });
      return { status: 'failed', code: 'tools.failed', message: `${tool} failed on our side.` };
    }
  }

  private async once(ctx: OrgContext, tool: string, args: Json, key: string, version: string | null): Promise<unknown> {
    const requestHash = createHash('sha256')
      .update(canonicalJson([tool, args]))
      .digest('hex');
    for (let patience = CALL_SECONDS; ; patience--) {
      try {
        const keyed = Object.freeze({ ...ctx, idempotency: { key, requestHash, claimed: false, replayed: false } });
        return await this.tools.call(keyed, tool, args, version);
      } catch (error) {
        // Another process, which lost the run meanwhile, is still at it.
        if (!(error instanceof DomainError) || error.code !== 'request.idempotency_in_flight' || patience === 0) throw error;
        await pause(1_000);
      }
    }
  }

  private async isOpen(ctx: OrgContext, { tools, channelId }: Pick<RunRow, 'tools' | 'channelId'>, name: string): Promise<boolean> {
    return tools.includes(name) && (channelId === null || (await this.tools.isForAudiences(ctx, name)));
  }
}

class Late extends Error {}

/** @throws Late; what the call does after that is not undone */
async function within<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const over = new AbortController();
  const ended = AbortSignal.any([over.signal, signal]);
  work.catch(() => undefined);
  const late = pause(CALL_SECONDS * 1_000, undefined, { signal: ended }).then(
    () => Promise.reject(new Late()),
    () => (signal.aborted ? Promise.reject(signal.reason) : new Promise<never>(() => undefined)),
  );
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    over.abort();
  }
}
