import { Injectable } from '@nestjs/common';
import type { WorkflowDefinition, WorkflowRunsQuery } from '@atrium/contracts';
import { Prisma, type Tx } from '@atrium/platform/db';
import { NotFound } from '@atrium/platform/errors';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { JsonValue } from './expressions/language.js';
import type { StepRow } from './run-plan.js';

type Org = Pick<OrgContext, 'orgId'>;

/** A row of `workflow_runs`. */
export type RunRow = NonNullable<Awaited<ReturnType<Tx['workflowRun']['findFirst']>>>;

/** Another process has taken the run up, or it was cancelled or removed: what this one still had to write is void. */
export class Fenced extends Error {}

export const runNotFound = () => new NotFound('workflows.run_not_found', 'There is no such run.');

/** The tables `workflow_runs` and `workflow_steps`. */
@Injectable()
export class RunRepository {
  /** @throws NotFound `workflows.run_not_found` */
  async get(tx: Tx, { orgId }: Org, id: string): Promise<RunRow> {
    const row = await tx.workflowRun.findFirst({ where: { orgId, id } });
    if (!row) throw runNotFound();
    return row;
  }

  findByKey(tx: Tx, { orgId }: Org, startKey: string): Promise<RunRow | null> {
    return tx.workflowRun.findFirst({ where: { orgId, startKey } });
  }

  /** The same, locked until the commit. @throws NotFound `workflows.run_not_found` */
  async lock(tx: Tx, ctx: Org, id: string): Promise<RunRow> {
    await tx.$queryRaw`SELECT 1 FROM workflow_runs WHERE org_id = ${ctx.orgId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
    return this.get(tx, ctx, id);
  }

  /** Of these ids those that have not ended, locked until the commit. */
  async lockOpen(tx: Tx, { orgId }: Org, ids: readonly string[]): Promise<RunRow[]> {
    if (ids.length === 0) return [];
    await tx.$queryRaw`SELECT 1 FROM workflow_runs WHERE org_id = ${orgId}::uuid AND id = ANY (${ids}::uuid[]) ORDER BY id FOR NO KEY UPDATE`;
    return tx.workflowRun.findMany({ where: { orgId, id: { in: [...ids] }, endedAt: null } });
  }

  /** Those of a workflow that have not ended. */
  async openOf(tx: Tx, { orgId }: Org, workflowId: string): Promise<string[]> {
    return (await tx.workflowRun.findMany({ where: { orgId, workflowId, endedAt: null }, select: { id: true } })).map(({ id }) => id);
  }

  /** The same for the process that took the run up with `fence`. @throws Fenced */
  async lockFenced(tx: Tx, ctx: Org, id: string, fence: number): Promise<{ nudged: boolean }> {
    const [row] = await tx.$queryRaw<
      { fence: number; wakeAt: Date | null }[]
    >`SELECT fence, wake_at AS "wakeAt" FROM workflow_runs WHERE org_id = ${ctx.orgId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
    if (row?.fence !== fence) throw new Fenced('another process has the run');
    return { nudged: row.wakeAt !== null };
  }

  list(tx: Tx, { orgId }: Org, query: WorkflowRunsQuery, before: string | null): Promise<RunRow[]> {
    return tx.workflowRun.findMany({
      where: {
        orgId,
        ...(query.workflowId ? { workflowId: query.workflowId } : {}),
        ...(query.status ? { status: query.status } : {}),
        ...(query.code ? { failureCode: query.code } : {}),
        ...(query.startedById ? { personId: query.startedById } : {}),
        ...(before ? { id: { lt: before } } : {}),
      },
      orderBy: { id: 'desc' },
      take: query.limit + 1,
    });
  }

  /** How many are under way, counted up to `atMost`. */
  async countActive(tx: Tx, { orgId }: Org, atMost: number): Promise<number> {
    const active = ['pending', 'running', 'waiting'];
    return (await tx.workflowRun.findMany({ where: { orgId, status: { in: active } }, select: { id: true }, take: atMost })).length;
  }

  async insert(tx: Tx, row: RunRow): Promise<void> {
    await tx.workflowRun.createMany({ data: { ...row, input: row.input as Prisma.InputJsonValue, output: Prisma.DbNull } });
  }

  async update(tx: Tx, { orgId }: Org, id: string, changing: Prisma.WorkflowRunUpdateManyMutationInput): Promise<void> {
    await tx.workflowRun.updateMany({ where: { orgId, id }, data: { ...changing, updatedAt: new Date() } });
  }

  async children(tx: Tx, { orgId }: Org, parentRunId: string): Promise<string[]> {
    return (await tx.workflowRun.findMany({ where: { orgId, parentRunId, endedAt: null }, select: { id: true } })).map(({ id }) => id);
  }

  /** @throws NotFound `workflows.run_not_found` when the workflow was removed. */
  async definition(tx: Tx, { orgId }: Org, { workflowId, version }: Pick<RunRow, 'workflowId' | 'version'>): Promise<WorkflowDefinition> {
    const row = await tx.workflowVersion.findFirst({ where: { orgId, workflowId, number: version } });
    if (!row) throw runNotFound();
    return row.definition as unknown as WorkflowDefinition;
  }

  async steps(tx: Tx, { orgId }: Org, runId: string): Promise<StepRow[]> {
    const rows = await tx.workflowStep.findMany({
      where: { orgId, runId },
      orderBy: [{ startedAt: 'asc' }, { stepId: 'asc' }, { item: 'asc' }],
    });
    return rows.map(({ orgId: _org, runId: _run, ...row }) => ({
      ...row,
      status: row.status as StepRow['status'],
      input: row.input as JsonValue,
      output: row.output as JsonValue,
      signal: row.signal as JsonValue,
    }));
  }

  /** Writes steps as they are now, in one statement. */
  async putSteps(tx: Tx, { orgId }: Org, runId: string, rows: readonly StepRow[]): Promise<void> {
    if (rows.length === 0) return;
    await tx.$executeRaw`
      INSERT INTO workflow_steps (org_id, run_id, step_id, item, kind, status, attempt, edition, input, output, failure_code, failure_message, wake_at, signal, approval_id, child_run_id, started_at, ended_at)
      SELECT ${orgId}::uuid, ${runId}::uuid, r."stepId", r.item, r.kind, r.status, r.attempt, r.edition, r.input, r.output, r."failureCode", r."failureMessage", r."wakeAt", r.signal, r."approvalId", r."childRunId", r."startedAt", r."endedAt"
      FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS r("stepId" text, item int, kind text, status text, attempt int, edition int, input jsonb, output jsonb, "failureCode" text, "failureMessage" text, "wakeAt" timestamptz, signal jsonb, "approvalId" uuid, "childRunId" uuid, "startedAt" timestamptz, "endedAt" timestamptz)
      ON CONFLICT (org_id, run_id, step_id, item) DO UPDATE SET status = excluded.status, attempt = excluded.attempt, edition = excluded.edition, input = excluded.input, output = excluded.output,
        failure_code = excluded.failure_code, failure_message = excluded.failure_message, wake_at = excluded.wake_at, signal = coalesce(workflow_steps.signal, excluded.signal),
        approval_id = excluded.approval_id, child_run_id = excluded.child_run_id, started_at = excluded.started_at, ended_at = excluded.ended_at`;
  }

  /** Forgets what was reached of these steps. */
  async removeSteps(tx: Tx, { orgId }: Org, runId: string, stepIds: string[]): Promise<void> {
    await tx.workflowStep.deleteMany({ where: { orgId, runId, stepId: { in: stepIds } } });
  }

  async signal(tx: Tx, { orgId }: Org, runId: string, stepId: string, signal: JsonValue): Promise<void> {
    await tx.workflowStep.updateMany({ where: { orgId, runId, stepId }, data: { signal: signal as Prisma.InputJsonValue } });
  }

  /** Runs that wait for the approval. */
  async waitingFor(tx: Tx, { orgId }: Org, approvalId: string): Promise<string[]> {
    return (await tx.workflowStep.findMany({ where: { orgId, approvalId }, select: { runId: true } })).map(({ runId }) => runId);
  }

  /** Runs with a step that started this run. */
  async waitingForChild(tx: Tx, { orgId }: Org, childRunId: string): Promise<string[]> {
    return (await tx.workflowStep.findMany({ where: { orgId, childRunId }, select: { runId: true } })).map(({ runId }) => runId);
  }

  /** Failures of a workflow by step and code, the most frequent first. */
  failures(
    tx: Tx,
    { orgId }: Org,
    workflowId: string,
  ): Promise<{ stepId: string; code: string; count: number; lastRunId: string; lastSeenAt: Date }[]> {
    return tx.$queryRaw`
      SELECT coalesce(failure_step, '') AS "stepId", failure_code AS code, count(*)::int AS count, max(ended_at) AS "lastSeenAt",
        (array_agg(id ORDER BY ended_at DESC))[1] AS "lastRunId"
      FROM workflow_runs WHERE org_id = ${orgId}::uuid AND workflow_id = ${workflowId}::uuid AND failure_code IS NOT NULL AND ended_at IS NOT NULL
      GROUP BY failure_step, failure_code ORDER BY count DESC, "lastSeenAt" DESC LIMIT 200`;
  }
}
