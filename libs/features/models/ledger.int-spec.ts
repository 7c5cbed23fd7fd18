import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { v7 as uuidv7 } from 'uuid';
import type { AuditRow, OrgId, Page } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { systemContext } from '@atrium/platform/tenancy';
import { newOrganization } from '../../../test/lib/api.js';
import { newBudget } from '../../../test/lib/models.js';
import { openTestApp } from '../../../test/lib/test-app.js';
import { monthOf } from './budget.js';
import { Ledger } from './ledger.js';

let opened: { app: NestFastifyApplication; close(): Promise<void> };
beforeAll(async () => {
  opened = await openTestApp();
});
afterAll(() => opened.close());

const price = { inputMicros: 1_000_000, outputMicros: 1_000_000 };
const tokens = (inputTokens: number, estimated = false) => ({ inputTokens, outputTokens: 0, estimated });

/** What the counters of an organization and the sum of its calls say. */
async function counted(orgId: OrgId) {
  return opened.app.get(Db).readInOrg({ orgId }, async (tx) => {
    const row = await tx.modelSpending.findFirst({ where: { orgId, month: monthOf(new Date()), scope: 'organization' } });
    const { _sum, _count } = await tx.modelCall.aggregate({
      where: { orgId },
      _sum: { inputTokens: true, costMicros: true },
      _count: true,
    });
    return { calls: _count, spent: [row?.tokens, row?.costMicros], summed: [_sum.inputTokens, _sum.costMicros] };
  });
}

describe('the ledger', () => {
  it('counts a call once, however often and by however many it is settled, and keeps the estimate of one that is not', async () => {
    const ledger = opened.app.get(Ledger);
    const orgId = (await newOrganization('Ledger')).organization.id;
    const ctx = systemContext(orgId, `test-${uuidv7()}`);
    const asking = { agentId: uuidv7(), purpose: 'run', provider: null, model: 'fake', price, estimate: tokens(1_000, true) } as const;
    const [cut, done, failed] = [await ledger.open(ctx, asking), await ledger.open(ctx, asking), await ledger.open(ctx, asking)];
    expect(cut.settledAt).toBeNull();
    expect(await counted(orgId)).toEqual({ calls: 3, spent: [3_000n, 3_000n], summed: [3_000n, 3_000n] });

    await Promise.all([1, 2, 3].map(() => ledger.settle(ctx, done, tokens(70))));
    await Promise.all([1, 2].map(() => ledger.settle(ctx, failed, tokens(0))));
    expect(await counted(orgId)).toEqual({ calls: 2, spent: [1_070n, 1_070n], summed: [1_070n, 1_070n] });
  });

  it('tells once a month of a budget, also when a call of the month before ends in this one', async () => {
    const ledger = opened.app.get(Ledger);
    const owner = await newOrganization('Ledger');
    const ctx = systemContext(owner.organization.id, `test-${uuidv7()}`);
    await newBudget(owner, { scope: 'organization', tokens: 100 });
    const asking = { agentId: null, purpose: 'run', provider: null, model: 'fake', price, estimate: tokens(0) } as const;
    const [now, late, next] = [await ledger.open(ctx, asking), await ledger.open(ctx, asking), await ledger.open(ctx, asking)];
    const lastMonth = new Date(Date.UTC(now.createdAt.getUTCFullYear(), now.createdAt.getUTCMonth(), 0));

    await ledger.settle(ctx, now, tokens(85));
    await ledger.settle(ctx, { ...late, createdAt: lastMonth }, tokens(90));
    await ledger.settle(ctx, next, tokens(1));

    const { data } = await owner.api.get<Page<AuditRow>>('/v1/audit', { type: 'models.budget_reached' });
    const told = data.map(({ data: { month, percent } }) => `${String(month)} ${String(percent)}`);
    expect(told.toSorted()).toEqual([`${monthOf(lastMonth)} 80`, `${monthOf(now.createdAt)} 80`]);
  });
});
