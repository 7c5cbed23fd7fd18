import { Injectable } from '@nestjs/common';
import type { AgentCall, AgentRunsQuery, AgentStepStatus } from '@atrium/contracts';
import type { AnswerSource } from '@atrium/features/chat';
import { Prisma, type Tx } from '@atrium/platform/db';
import { NotFound } from '@atrium/platform/errors';
import type { Json } from '@atrium/platform/events';
import type { OrgContext } from '@atrium/platform/tenancy';

type Org = Pick<OrgContext, 'orgId'>;

/** A row of `agent_runs`. */
export type RunRow = NonNullable<Awaited<ReturnType<Tx['agentRun']['findFirst']>>>;

/** A row of `agent_run_steps`, without the names of its run. */
export interface StepRow {
  number: number;
  kind: 'model' | 'tool';
  status: AgentStepStatus;
  text: string | null;
  calls: AgentCall[];
  inputTokens: number;
  outputTokens: number;
  /** Who answered; null: the server's own endpoint, or not a model's step. */
  provider: string | null;
  model: string | null;
  costMicros: bigint;
  callId: string | null;
  tool: string | null;
  arguments: Json;
  output: Json;
  /** What the output was made of, or what the model was shown of the thread, when it may become part of an answer to many readers. */
  sources: AnswerSource[];
  approvalId: string | null;
  failureCode: string | null;
  failureMessage: string | null;
  startedAt: Date;
  endedAt: Date | null;
}

/** Another process has taken the run up, or it was cancelled: what this one still had to write is void. */
export class Fenced extends Error {}

export const runNotFound = () => new NotFound('agents.run_not_found', 'There is no such run, or you may not see it.');

/** The tables `agent_runs` and `agent_run_steps`. */
@Injectable()
export class AgentRunRepository {
  /** @throws NotFound `agents.run_not_found` */
  async get(tx: Tx, { orgId }: Org, id: string): Promise<RunRow> {
    const row = await tx.agentRun.findFirst({ where: { orgId, id } });
    if (!row) throw runNotFound();
    return row;
  }

  findByKey(tx: Tx, { orgId }: Org, startKey: string): Promise<RunRow | null> {
    return tx.agentRun.findFirst({ where: { orgId, startKey } });
  }

  /** The same as `get`, locked until the commit. @throws NotFound `agents.run_not_found` */
  async lock(tx: Tx, ctx: Org, id: string): Promise<RunRow> {
    await tx.$queryRaw`SELECT 1 FROM agent_runs WHERE org_id = ${ctx.orgId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
    return this.get(tx, ctx, id);
  }

  /** The same for the process that took the run up with `fence`; whether somebody called meanwhile. @throws Fenced */
  async lockFenced(tx: Tx, ctx: Org, id: string, fence: number): Promise<{ nudged: boolean }> {
    const [row] = await tx.$queryRaw<
      { fence: number; wakeAt: Date | null }[]
    >`SELECT fence, wake_at AS "wakeAt" FROM agent_runs WHERE org_id = ${ctx.orgId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
    if (row?.fence !== fence) throw new Fenced('another process has the run');
    return { nudged: row.wakeAt !== null };
  }

  /** Newest first; `before` is an id, exclusive; `personId` null: everybody's. */
  list(tx: Tx, { orgId }: Org, personId: string | null, query: AgentRunsQuery, before: string | null): Promise<RunRow[]> {
    return tx.agentRun.findMany({
      where: {
        orgId,
        ...(personId === null ? {} : { personId }),
        ...(query.agentId ? { agentId: query.agentId } : {}),
        ...(query.status ? { status: query.status } : {}),
        ...(query.code ? { failureCode: query.code } : {}),
        ...(before ? { id: { lt: before } } : {}),
      },
      orderBy: { id: 'desc' },
      take: query.limit + 1,
    });
  }

  /** How many are under way, counted up to `atMost`. */
  async countActive(tx: Tx, { orgId }: Org, atMost: number): Promise<number> {
    const active = ['pending', 'running', 'waiting'];
    return (await tx.agentRun.findMany({ where: { orgId, status: { in: active } }, select: { id: true }, take: atMost })).length;
  }

  async insert(tx: Tx, row: RunRow): Promise<void> {
    await tx.agentRun.createMany({ data: row });
  }

  async update(tx: Tx, { orgId }: Org, id: string, changing: Prisma.AgentRunUpdateManyMutationInput): Promise<void> {
    await tx.agentRun.updateMany({ where: { orgId, id }, data: { ...changing, updatedAt: new Date() } });
  }

  async children(tx: Tx, { orgId }: Org, parentRunId: string): Promise<string[]> {
    return (await tx.agentRun.findMany({ where: { orgId, parentRunId, endedAt: null }, select: { id: true } })).map(({ id }) => id);
  }

  /** In their order. */
  async steps(tx: Tx, { orgId }: Org, runId: string): Promise<StepRow[]> {
    const rows = await tx.agentRunStep.findMany({ where: { orgId, runId }, orderBy: { number: 'asc' } });
    return rows.map(({ orgId: _org, runId: _run, ...row }) => ({
      ...row,
      kind: row.kind as StepRow['kind'],
      status: row.status as StepRow['status'],
      calls: row.calls as unknown as AgentCall[],
      arguments: row.arguments,
      output: row.output,
      sources: row.sources as unknown as AnswerSource[],
    }));
  }

  /** Writes the step as it is now. */
  async putStep(tx: Tx, { orgId }: Org, runId: string, step: StepRow): Promise<void> {
    const data = {
      ...step,
      calls: step.calls as unknown as Prisma.InputJsonValue,
      sources: step.sources as unknown as Prisma.InputJsonValue,
      arguments: step.arguments === null ? Prisma.JsonNull : (step.arguments as Prisma.InputJsonValue),
      output: step.output === null ? Prisma.JsonNull : (step.output as Prisma.InputJsonValue),
    };
    const { count } = await tx.agentRunStep.updateMany({ where: { orgId, runId, number: step.number }, data });
    if (count === 0) await tx.agentRunStep.createMany({ data: [{ ...data, orgId, runId }] });
  }

  /** Runs that wait for the approval. */
  async waitingFor(tx: Tx, { orgId }: Org, approvalId: string): Promise<string[]> {
    return (await tx.agentRunStep.findMany({ where: { orgId, approvalId }, select: { runId: true } })).map(({ runId }) => runId);
  }
}
