import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Agent, CreatedApiKey, LiveEvent, Page, Schedule, WorkflowRun } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { systemContext } from '@atrium/platform/tenancy';
import { Api, eventually, newColleague, newOrganization, type Person } from '../../../test/lib/api.js';
import { openTestApp } from '../../../test/lib/test-app.js';
import { newWorkflow } from '../../../test/lib/workflows.js';

let app: NestFastifyApplication;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ app, close } = await openTestApp());
});
afterAll(() => close());

const QUICK = { steps: [{ id: 'a', kind: 'wait', with: { seconds: 0 } }] };
const YEARLY = '0 0 1 1 *';

/** Lets its time come, and answers the schedule when that was served. */
async function due(by: Person, { id }: Schedule): Promise<Schedule> {
  const orgId = by.organization.id;
  const at = new Date(Date.now() - 1_000);
  await app
    .get(Db)
    .inOrg(systemContext(orgId, 'test'), (tx) => tx.workflowSchedule.updateMany({ where: { orgId, id }, data: { nextAt: at } }));
  return eventually('its time is served', async () => {
    const now = await by.api.get<Schedule>(`/v1/schedules/${id}`);
    return now.lastAt === at.toISOString() && now;
  });
}
const runsOf = async (by: Person, { workflowId }: Schedule) =>
  (await by.api.get<Page<WorkflowRun>>('/v1/workflow-runs', { workflowId })).data;

describe('a schedule', () => {
  it('of an agent starts nothing while that is paused, and ends with its key', async () => {
    const owner = await newOrganization();
    const agent = await owner.api.post<Agent>('/v1/agents', { name: 'planner' });
    const made = await owner.api.post<CreatedApiKey>('/v1/api-keys', { name: 'key', agentId: agent.id });
    const byKey = new Api(made.key);
    const { id: workflowId } = await newWorkflow(owner, QUICK);

    const schedule = await byKey.post<Schedule>('/v1/schedules', { workflowId, cron: YEARLY });
    expect(schedule).toMatchObject({ createdBy: owner.user.id, agentId: agent.id, apiKeyId: made.id, failureCode: null });
    await owner.api.patch(`/v1/agents/${agent.id}`, { status: 'paused' });
    expect(await due(owner, schedule)).toMatchObject({ enabled: true, failureCode: 'agents.not_active' });
    expect(await runsOf(owner, schedule)).toEqual([]);

    await owner.api.patch(`/v1/agents/${agent.id}`, { status: 'active' });
    expect(await due(owner, schedule)).toMatchObject({ enabled: true, failureCode: null });
    expect(await runsOf(owner, schedule)).toHaveLength(1);

    await owner.api.delete(`/v1/api-keys/${made.id}`);
    expect(await due(owner, schedule)).toMatchObject({ enabled: false, nextAt: null, failureCode: 'workflows.key_gone' });
    expect(await runsOf(owner, schedule)).toHaveLength(1);
    const { data } = await owner.api.get<{ data: LiveEvent[] }>('/v1/events', { limit: 200 });
    expect(data.filter(({ type }) => type === 'workflows.schedule_changed').at(-1)?.data).toMatchObject({
      scheduleId: schedule.id,
      enabled: false,
      failureCode: 'workflows.key_gone',
    });

    const taken = await owner.api.patch<Schedule>(`/v1/schedules/${schedule.id}`, { enabled: true });
    expect(taken).toMatchObject({ agentId: null, apiKeyId: null, failureCode: null });
    expect(await due(owner, schedule)).toMatchObject({ enabled: true, failureCode: null });
    expect(await runsOf(owner, schedule)).toHaveLength(2);
  });

  it('stops when its maker has left, and says why', async () => {
    const owner = await newOrganization();
    const maker = await newColleague(owner);
    const { id: workflowId } = await newWorkflow(owner, QUICK);
    const schedule = await maker.api.post<Schedule>('/v1/schedules', { workflowId, cron: YEARLY });
    await owner.api.delete(`/v1/members/${maker.user.id}`);

    expect(await due(owner, schedule)).toMatchObject({ enabled: false, failureCode: 'workflows.starter_gone' });
    expect(await runsOf(owner, schedule)).toEqual([]);
  });

  it('whose input does not fit says so and goes on', async () => {
    const owner = await newOrganization();
    const { id: workflowId } = await newWorkflow(owner, { ...QUICK, input: { required: ['name'] } });
    const schedule = await owner.api.post<Schedule>('/v1/schedules', { workflowId, cron: YEARLY });

    expect(await due(owner, schedule)).toMatchObject({ enabled: true, failureCode: 'workflows.invalid_input' });
    await owner.api.patch(`/v1/schedules/${schedule.id}`, { input: { name: 'Ada' } });
    expect(await due(owner, schedule)).toMatchObject({ enabled: true, failureCode: null });
  });
});
