import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Db, Upkeep } from '@atrium/platform/db';
import { systemContext } from '@atrium/platform/tenancy';
import { newAgent, readRun, runEnded, startRun } from '../../../test/lib/agents.js';
import { newOrganization } from '../../../test/lib/api.js';
import { openTestApp } from '../../../test/lib/test-app.js';
import { newRun, read } from '../../../test/lib/workflows.js';

const DAYS = 10;

describe('runs of workflows and agents', () => {
  let app: NestFastifyApplication;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ app, close } = await openTestApp({ RUNS_KEPT_DAYS: String(DAYS) }));
  });
  afterAll(() => close());

  it('are kept for a time after their end, with their steps', async () => {
    const owner = await newOrganization();
    const { id: orgId } = owner.organization;
    const system = systemContext(orgId, 'test');
    const [old, recent, open] = [await newRun(owner, 'failed'), await newRun(owner, 'failed'), await newRun(owner)];
    const agent = await newAgent(owner);
    const [oldAnswer, answer] = [await startRun(owner, agent), await startRun(owner, agent)];
    for (const run of [oldAnswer, answer]) await runEnded(owner, run);
    const ago = (days: number) => new Date(Date.now() - days * 86_400_000);
    await app.get(Db).inOrg(system, async (tx) => {
      await tx.workflowRun.updateMany({ where: { orgId, id: { in: [old.id, open.id] } }, data: { createdAt: ago(DAYS + 1) } });
      await tx.workflowRun.updateMany({ where: { orgId, id: old.id }, data: { endedAt: ago(DAYS + 1) } });
      await tx.workflowRun.updateMany({ where: { orgId, id: recent.id }, data: { endedAt: ago(DAYS - 1) } });
      await tx.agentRun.updateMany({ where: { orgId, id: oldAnswer.id }, data: { endedAt: ago(DAYS + 1) } });
    });

    await app.get(Upkeep).turn();

    await owner.api.refused(404, 'GET', `/v1/workflow-runs/${old.id}`);
    await owner.api.refused(404, 'GET', `/v1/agent-runs/${oldAnswer.id}`);
    expect([(await read(owner, recent)).status, (await read(owner, open)).status]).toEqual(['failed', 'waiting']);
    expect((await readRun(owner, answer)).id).toBe(answer.id);
    const steps = await app.get(Db).readInOrg(system, (tx) => tx.workflowStep.findMany({ where: { orgId, runId: old.id } }));
    expect(steps).toEqual([]);
  });
});
