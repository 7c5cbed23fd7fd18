import { Injectable } from '@nestjs/common';
import type { Tx } from '@atrium/platform/db';
import type { OrgContext } from '@atrium/platform/tenancy';

export type TurnRow = NonNullable<Awaited<ReturnType<Tx['agentTurn']['findFirst']>>>;

/** What a turn cost and why it failed, known before it closes. */
export interface TurnFigures {
  failureCode: string | null;
  provider: string | null;
  model: string | null;
  inputTokens: number;
  outputTokens: number;
  costMicros: bigint;
}
export const NO_FIGURES: TurnFigures = {
  failureCode: null,
  provider: null,
  model: null,
  inputTokens: 0,
  outputTokens: 0,
  costMicros: 0n,
};

@Injectable()
export class TurnRepository {
  /** Whether it was new. */
  async insert(tx: Tx, row: Omit<TurnRow, keyof TurnFigures | 'createdAt' | 'updatedAt'>): Promise<boolean> {
    const at = new Date();
    const { count } = await tx.agentTurn.createMany({ data: [{ ...row, createdAt: at, updatedAt: at }], skipDuplicates: true });
    return count > 0;
  }

  async record(tx: Tx, ctx: OrgContext, id: string, figures: TurnFigures): Promise<void> {
    await tx.agentTurn.updateMany({ where: { orgId: ctx.orgId, id, status: 'running' }, data: { ...figures, updatedAt: new Date() } });
  }

  /** The turn as it was when it closed now; null when it had closed before. */
  async close(tx: Tx, ctx: OrgContext, id: string, status: 'completed' | 'failed' | 'cancelled'): Promise<TurnRow | null> {
    const { count } = await tx.agentTurn.updateMany({
      where: { orgId: ctx.orgId, id, status: 'running' },
      data: { status, updatedAt: new Date() },
    });
    return count === 0 ? null : tx.agentTurn.findFirst({ where: { orgId: ctx.orgId, id } });
  }

  /** Of these messages those that were questions to an agent, or an agent's answers. */
  async messagesAmong(tx: Tx, ctx: OrgContext, ids: string[]): Promise<Set<string>> {
    if (ids.length === 0) return new Set();
    const asked = {
      where: { orgId: ctx.orgId, OR: [{ answerId: { in: ids } }, { questionId: { in: ids } }] },
      select: { answerId: true, questionId: true },
    };
    const rows = [...(await tx.agentTurn.findMany(asked)), ...(await tx.agentRun.findMany(asked))];
    return new Set(rows.flatMap((row) => [row.questionId, row.answerId]).filter((id) => id !== null));
  }
}
