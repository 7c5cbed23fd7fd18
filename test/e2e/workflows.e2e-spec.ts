import { randomUUID } from 'node:crypto';
import type {
  Agent,
  AuditRow,
  Channel,
  CreatedApiKey,
  LiveEvent,
  Memory,
  MemoryEntry,
  Message,
  Page,
  Task,
  Tool,
  Unread,
  Workflow,
  WorkflowFailures,
  WorkflowRun,
} from '@atrium/contracts';
import { Api, eventually, newColleague, newOrganization, type Person } from '../lib/api.js';
import { Receiver } from '../lib/receiver.js';
import { ended, FAILING, publish, read, start, step, until, waiting } from '../lib/workflows.js';

let receiver: Receiver;
beforeAll(async () => {
  receiver = await Receiver.start();
});
afterAll(() => receiver.stop());
beforeEach(() => {
  receiver.received.length = 0;
  receiver.statuses.length = 0;
  receiver.delayMs = 0;
});

const http = (path: string, more: object = {}) => ({ kind: 'http', with: { method: 'POST', url: `${receiver.baseUrl}${path}`, ...more } });

describe('a workflow', () => {
  it('is chosen by conditions, fanned out, tried again and gives typed values', async () => {
    const owner = await newOrganization('Order');
    receiver.statuses.push(503, 200);
    const workflow = await publish(owner, 'Fan', {
      steps: [
        { id: 'never', when: 'false', ...http('/never') },
        { id: 'after', kind: 'wait', needs: ['never'], with: { seconds: 0 } },
        { id: 'flaky', retry: { attempts: 3, backoffSeconds: 0 }, ...http('/flaky') },
        { id: 'each', needs: ['flaky'], forEach: 'input.list', ...http('/each', { body: { n: '${{ item * 2 }}', at: '${{ index }}' } }) },
      ],
      output: {
        never: '${{ steps.never.status }}',
        count: '${{ size(steps.each.output) }}',
        list: '${{ steps.each.output.map(one, one.status) }}',
      },
    });

    const done = await ended(owner, await start(owner, workflow, { list: [1, 2, 3] }));

    expect(done).toMatchObject({ status: 'succeeded', output: { never: 'skipped', count: 3, list: [200, 200, 200] } });
    expect(done.steps.map(({ id, status, attempt }) => `${id} ${status} ${attempt}`)).toEqual([
      'never skipped 0',
      'after skipped 0',
      'flaky succeeded 2',
      'each succeeded 1',
    ]);
    expect(step(done, 'each')?.items).toEqual({ done: 3, total: 3 });
    expect(new Set(receiver.received.filter(({ path }) => path === '/flaky').map(({ key }) => key)).size).toBe(1);
    expect(
      receiver.received
        .filter(({ path }) => path === '/each')
        .map(({ body }) => body)
        .sort(),
    ).toEqual(['{"n":2,"at":0}', '{"n":4,"at":1}', '{"n":6,"at":2}']);
  }, 120_000);

  it('undoes what succeeded when a later step fails, shows where, and goes on from there with another input', async () => {
    const owner = await newOrganization('Undo');
    const undo = (path: string) => ({ compensate: http(path) });
    const workflow = await publish(owner, 'Undo', {
      steps: [
        { id: 'first', ...http('/first'), ...undo('/undo-first') },
        { id: 'second', needs: ['first'], ...http('/second'), ...undo('/undo-second') },
        { id: 'third', needs: ['second'], ...http('/third', { body: '${{ input.word }}' }) },
      ],
    });
    receiver.statuses.push(200, 200, 400);

    const run = await start(owner, workflow, { word: 'wrong' });
    const failed = await ended(owner, run);
    const failures = await owner.api.get<WorkflowFailures>(`/v1/workflows/${workflow.id}/failures`);
    await owner.api.post(`/v1/workflow-runs/${run.id}/retry`, { input: { word: 'right' } });
    const done = await ended(owner, run);

    expect(failed).toMatchObject({ status: 'failed', failure: { code: 'workflows.http_status', stepId: 'third' } });
    expect(failed.steps.map(({ id, status }) => `${id} ${status}`)).toEqual(
      ['first compensated', 'second compensated', 'third failed', 'first:compensate succeeded', 'second:compensate succeeded'].sort(
        (a, b) => failed.steps.findIndex(({ id }) => a.startsWith(`${id} `)) - failed.steps.findIndex(({ id }) => b.startsWith(`${id} `)),
      ),
    );
    expect(receiver.received.slice(0, 5).map(({ path }) => path)).toEqual(['/first', '/second', '/third', '/undo-second', '/undo-first']);
    expect(failures.data).toMatchObject([{ stepId: 'third', code: 'workflows.http_status', count: 1, lastRunId: run.id }]);
    expect(done).toMatchObject({ status: 'succeeded', input: { word: 'right' } });
    expect(receiver.received.slice(5).map(({ path, key }) => `${path} ${key}`)).toEqual(
      ['first', 'second', 'third'].map((id) => `/${id} ${run.id}:${id}:again1`),
    );
  }, 120_000);

  it('waits, is signalled, cancelled, and runs others', async () => {
    const owner = await newOrganization('Steer');
    const inner = await publish(owner, 'Inner', {
      steps: [{ id: 'w', kind: 'wait', with: { seconds: 3_600 } }],
      output: { said: '${{ steps.w.output.payload }}' },
    });
    const outer = await publish(owner, 'Outer', {
      steps: [{ id: 'sub', kind: 'workflow', with: { workflowId: inner.id, input: {} } }],
      output: { said: '${{ steps.sub.output.said }}' },
    });

    const run = await start(owner, outer);
    const childId = (await until(owner, run, 'the inner run', (now) => step(now, 'sub')?.runId !== null)).steps[0]?.runId ?? '';
    await waiting(owner, { id: childId });
    await owner.api.post(`/v1/workflow-runs/${childId}/signal`, { step: 'w', payload: 'now' });
    const done = await ended(owner, run);
    const other = await start(owner, inner);
    await waiting(owner, other);
    const cancelled = await owner.api.post<WorkflowRun>(`/v1/workflow-runs/${other.id}/cancel`);

    expect(done).toMatchObject({ status: 'succeeded', output: { said: 'now' } });
    expect(await read(owner, { id: childId })).toMatchObject({ parentRunId: run.id, trigger: 'workflow' });
    expect(cancelled).toMatchObject({ status: 'cancelled', steps: [{ status: 'cancelled' }] });
    expect((await owner.api.refused(409, 'POST', `/v1/workflow-runs/${other.id}/signal`, { body: { step: 'w' } })).code).toBe(
      'workflows.run_ended',
    );
  }, 120_000);

  it('ends in time with a clear failure, whatever is written in it', async () => {
    const owner = await newOrganization('Bad');
    const codeOf = async (definition: object, input: object = {}) => {
      const workflow = await publish(owner, `Bad ${Math.random()}`, definition);
      return (await ended(owner, await start(owner, workflow, input))).failure?.code;
    };
    const waits = (more: object) => ({ steps: [{ id: 'a', kind: 'wait', with: { seconds: 0 }, ...more }] });
    const list = Array.from({ length: 300 }, (_, n) => n);

    expect(await codeOf(waits({ forEach: 'input.list' }), { list: Array.from({ length: 20_000 }, () => 1) })).toBe(
      'workflows.too_many_items',
    );
    expect(
      await codeOf(waits({ when: 'input.list.all(a, input.list.all(b, input.list.all(c, input.list.all(d, a + b + c + d >= 0.0))))' }), {
        list,
      }),
    ).toBe('workflows.expression_timed_out');
    expect(await codeOf(waits({ when: 'input.missing.more == 1' }))).toBe('workflows.expression_failed');
    expect(await codeOf({ steps: [{ id: 'a', kind: 'http', with: { url: 'http://127.0.0.2:1/' } }] })).toBe('outbound.refused');
    expect(await codeOf({ steps: [{ id: 'a', ...FAILING }] })).toBe('tasks.not_found');
    expect(await codeOf({ steps: [{ id: 'a', kind: 'tool', with: { tool: '${{ "nothing" }}' } }] })).toBe('tools.not_found');
    receiver.delayMs = 30_000;
    expect(await codeOf({ steps: [{ id: 'a', timeoutSeconds: 1, ...http('/slow') }] })).toMatch(/workflows.step_timed_out|outbound.failed/);
  }, 180_000);

  // One after the other they would take more than a minute.
  it('that is cancelled waits for no thread any more', async () => {
    const owner = await newOrganization('Queue');
    const slow = await publish(owner, 'Slow', {
      steps: [{ id: 'a', when: `[0].all(x, ${'input.list.all(a, '.repeat(4)}a >= 0${')'.repeat(4)})`, kind: 'wait', with: { seconds: 0 } }],
    });
    const quick = await publish(owner, 'Quick', { steps: [{ id: 'a', when: '1 == 1', kind: 'wait', with: { seconds: 0 } }] });

    const list = Array.from({ length: 300 }, (_, n) => n);
    const runs = await Promise.all(Array.from({ length: 30 }, () => start(owner, slow, { list })));
    await until(owner, runs.at(-1) ?? { id: '' }, 'it is under way', ({ status }) => status === 'running');
    for (const { id } of runs) await owner.api.post(`/v1/workflow-runs/${id}/cancel`);

    expect((await ended(owner, await start(owner, quick))).status).toBe('succeeded');
  }, 120_000);

  it('names the run in all that it makes, in its events and in the log, in the name of who started it', async () => {
    const owner = await newOrganization('Via');
    const channel = await owner.api.post<Channel>('/v1/channels', { name: 'via' });
    const tool = (id: string, name: string, args: object) => ({ id, kind: 'tool', with: { tool: name, arguments: args } });
    const workflow = await publish(owner, 'Via', {
      steps: [
        tool('say', 'chat_post', { channelId: channel.id, body: 'said by a run' }),
        tool('task', 'task_create', { title: 'made by a run' }),
        tool('memory', 'memory_add', { content: 'remembered by a run' }),
      ],
    });

    const run = await ended(owner, await start(owner, workflow));
    await owner.api.post(`/v1/channels/${channel.id}/messages`, { body: 'said by hand' });
    const { data: messages } = await owner.api.get<Page<Message>>(`/v1/channels/${channel.id}/messages`);
    const { data: tasks } = await owner.api.get<Page<Task>>('/v1/tasks');
    const { data: memories } = await owner.api.get<Page<Memory>>('/v1/memories');
    const { data: history } = await owner.api.get<Page<MemoryEntry>>(`/v1/memories/${memories[0]?.id}/history`);
    const { data: events } = await owner.api.get<Page<LiveEvent>>('/v1/events', { after: 0, limit: 200 });
    const { data: log } = await owner.api.get<Page<AuditRow>>('/v1/audit', { limit: 200 });

    const author = { kind: 'user', id: owner.user.id, onBehalfOf: null, via: { kind: 'workflow_run', id: run.id } };
    expect(messages).toMatchObject([
      { body: 'said by hand', author: { ...author, via: null } },
      { body: 'said by a run', author },
    ]);
    expect(tasks).toMatchObject([{ createdBy: author }]);
    expect(memories).toMatchObject([{ createdBy: author }]);
    expect(history).toMatchObject([{ kind: 'added', actor: { id: owner.user.id }, via: author.via }]);
    for (const told of [events, log]) {
      const of = (type: string) => told.filter((one) => one.type === type).map(({ via, actor: { id } }) => ({ via, id }));
      const made = { via: author.via, id: owner.user.id };
      expect(['tasks.created', 'memory.added', 'workflows.run_succeeded'].flatMap(of)).toEqual([made, made, made]);
      expect(
        of('chat.message_posted')
          .map(({ via }) => via?.id ?? null)
          .sort(),
      ).toEqual([run.id, null].sort());
      expect(of('workflows.run_started')).toEqual([{ via: null, id: owner.user.id }]);
    }
    const posted = events.find(({ type, via }) => type === 'chat.message_posted' && via !== null);
    expect(posted?.data).not.toHaveProperty('via');
    expect(posted?.data['message']).toMatchObject({ author });
    expect(log.some(({ data }) => 'via' in data)).toBe(false);
  });

  it('that starts itself again and again is stopped', async () => {
    const owner = await newOrganization('Deep');
    const workflow = await publish(owner, 'Deep', { steps: [{ id: 'a', kind: 'wait', with: { seconds: 0 } }] });
    await owner.api.patch(`/v1/workflows/${workflow.id}`, {
      definition: { steps: [{ id: 'again', kind: 'workflow', with: { workflowId: workflow.id } }] },
    });

    const run = await start(owner, workflow);
    const failed = await ended(owner, run);

    expect(failed.failure?.code).toBe('workflows.child_failed');
    const { data } = await owner.api.get<Page<WorkflowRun>>('/v1/workflow-runs', { workflowId: workflow.id });
    expect(data).toHaveLength(5);
    expect(data[0]?.failure?.code).toBe('workflows.too_deep');
  }, 120_000);

  it('stops at the next step when its starter, or the agent that started it, may no longer run it', async () => {
    const owner = await newOrganization('Rights');
    const starter = await newColleague(owner);
    const agent = await owner.api.post<Agent>('/v1/agents', { name: 'starter' });
    const { key } = await owner.api.post<CreatedApiKey>('/v1/api-keys', { name: 'key', agentId: agent.id });
    const workflow = await publish(owner, 'Rights', {
      steps: [
        { id: 'w', kind: 'wait', with: { seconds: 3_600 } },
        { id: 'go', needs: ['w'], ...http('/go') },
      ],
    });
    const run = await start(starter, workflow);
    const ofAgent = await new Api(key).post<WorkflowRun>(`/v1/workflows/${workflow.id}/runs`, {});
    await Promise.all([run, ofAgent].map((one) => waiting(owner, one)));

    await owner.api.delete(`/v1/members/${starter.user.id}`);
    await owner.api.patch(`/v1/agents/${agent.id}`, { status: 'paused' });
    for (const { id } of [run, ofAgent]) await owner.api.post(`/v1/workflow-runs/${id}/signal`, { step: 'w' });

    expect((await ended(owner, run)).failure).toMatchObject({ code: 'workflows.starter_gone', stepId: 'go' });
    expect((await ended(owner, ofAgent)).failure).toMatchObject({ code: 'agents.not_active', stepId: 'go' });
    expect(receiver.received).toEqual([]);
  }, 120_000);

  it('is started by an event of something that its publisher reads by a team or as a person, and of nothing else', async () => {
    const owner = await newOrganization('Shared');
    const [author, stranger] = [await newColleague(owner, 'admin'), await newColleague(owner)];
    const team = await owner.api.post<{ id: string }>('/v1/teams', { name: 'Readers' });
    for (const { user } of [owner, author]) await owner.api.post(`/v1/teams/${team.id}/members`, { userId: user.id });
    const definition = {
      steps: [{ id: 'a', kind: 'wait', with: { seconds: 0 } }],
      triggers: [{ event: 'documents.uploaded' }, { event: 'documents.changed' }],
    };
    const [ours, theirs] = [await publish(owner, 'Ours', definition), await publish(stranger, 'Theirs', definition)];
    const upload = (title: string, access: unknown) => author.api.post<{ id: string }>('/v1/documents', { title, text: 'Text', access });
    const ofTeam = { level: 'team', grants: [{ kind: 'team', id: team.id }] };
    const mine = await upload('mine', 'private');
    const shared = [
      await upload('team', ofTeam),
      await upload('shared', { level: 'shared', grants: [{ kind: 'user', id: owner.user.id }] }),
      await upload('system', 'system'),
    ];
    for (const access of [ofTeam, 'organization']) await author.api.patch(`/v1/documents/${mine.id}`, { access });

    const subjectsOf = async (by: Person, { id }: Workflow) =>
      (await by.api.get<Page<WorkflowRun>>('/v1/workflow-runs', { workflowId: id })).data.map(
        ({ input }) => (input as { event: LiveEvent }).event.subject.id,
      );
    const count = (by: Person, workflow: Workflow, of: number) =>
      eventually(`${of} runs`, async () => {
        const subjects = await subjectsOf(by, workflow);
        return subjects.length >= of && subjects.sort();
      });
    expect(await count(owner, ours, 5)).toEqual([...shared, mine, mine].map(({ id }) => id).sort());
    expect(await count(stranger, theirs, 2)).toEqual([shared[2], mine].map((one) => one?.id).sort());
  }, 120_000);

  it('is started by an event, once for each, and by a schedule', async () => {
    const owner = await newOrganization('Triggers');
    const workflow = await publish(owner, 'Trigger', {
      steps: [{ id: 'more', kind: 'tool', with: { tool: 'task_create', arguments: { title: 'Follow up' } } }],
      triggers: [{ event: 'tasks.created', when: 'event.data.task.priority == "urgent"' }],
    });
    await owner.api.post('/v1/tasks', { title: 'Small', priority: 'low' });
    const task = await owner.api.post<Task>('/v1/tasks', { title: 'Urgent', priority: 'urgent' });
    const runs = await eventually(
      'a run',
      async () => {
        const { data } = await owner.api.get<Page<WorkflowRun>>('/v1/workflow-runs', { workflowId: workflow.id, status: 'succeeded' });
        return data.length > 0 && data;
      },
      60_000,
    );

    expect(runs).toHaveLength(1);
    expect(runs[0]).toMatchObject({
      trigger: 'event',
      input: { event: { type: 'tasks.created', subject: { kind: 'task', id: task.id } } },
    });
    for (const cron of ['0 0 30 2 *', 'nonsense here']) {
      expect((await owner.api.refused(400, 'POST', '/v1/schedules', { body: { workflowId: workflow.id, cron } })).code).toBe(
        'workflows.invalid_schedule',
      );
    }
    const schedule = await owner.api.post<{ id: string; nextAt: string }>('/v1/schedules', {
      workflowId: workflow.id,
      cron: '* * * * *',
      timeZone: 'Europe/Berlin',
    });
    expect(new Date(schedule.nextAt).getTime()).toBeGreaterThan(Date.now() - 1_000);
    await owner.api.delete(`/v1/schedules/${schedule.id}`);
  }, 120_000);
});

describe('an approval', () => {
  it('is decided once, in time, by those whom it names', async () => {
    const owner = await newOrganization('Approvals');
    const colleague = await newColleague(owner);
    const workflow = await publish(owner, 'Ask', {
      steps: [
        {
          id: 'ask',
          kind: 'approval',
          with: { message: 'May I?', assignees: [colleague.user.id], expiresInSeconds: '${{ input.seconds }}' },
        },
      ],
    });
    const run = await start(owner, workflow, { seconds: 600 });
    const { approvalId } = (await until(owner, run, 'the question', (now) => step(now, 'ask')?.approvalId !== null)).steps[0] ?? {};

    expect((await owner.api.refused(403, 'POST', `/v1/approvals/${approvalId}/approve`, { body: {} })).code).toBe(
      'approvals.not_an_assignee',
    );
    await colleague.api.post(`/v1/approvals/${approvalId}/reject`);
    expect((await colleague.api.refused(409, 'POST', `/v1/approvals/${approvalId}/approve`, { body: {} })).code).toBe(
      'approvals.already_decided',
    );
    expect((await ended(owner, run)).steps[0]?.output).toMatchObject({ approved: false, decidedBy: colleague.user.id });

    const late = await ended(owner, await start(owner, workflow, { seconds: 1 }));
    expect(late.failure?.code).toBe('approvals.expired');
  }, 120_000);

  it('is taken back when its workflow is removed, and what its run has started ends', async () => {
    const owner = await newOrganization('Removed');
    const colleague = await newColleague(owner);
    const inner = await publish(owner, 'Inner', { steps: [{ id: 'w', kind: 'wait', with: { seconds: 3_600 } }] });
    const workflow = await publish(owner, 'Ask', {
      steps: [
        { id: 'ask', kind: 'approval', with: { message: 'May I?', assignees: [colleague.user.id] } },
        { id: 'sub', kind: 'workflow', with: { workflowId: inner.id, input: {} } },
      ],
    });
    const run = await start(owner, workflow);
    const asked = await until(owner, run, 'both', (now) => step(now, 'ask')?.approvalId !== null && step(now, 'sub')?.runId !== null);
    const approvalId = step(asked, 'ask')?.approvalId;
    await colleague.api.refused(403, 'DELETE', `/v1/workflows/${workflow.id}`);

    await owner.api.delete(`/v1/workflows/${workflow.id}`);

    expect(await colleague.api.refused(409, 'POST', `/v1/approvals/${approvalId}/approve`)).toMatchObject({ code: 'approvals.expired' });
    expect(await ended(owner, { id: step(asked, 'sub')?.runId ?? '' })).toMatchObject({ status: 'cancelled' });
    await owner.api.refused(404, 'GET', `/v1/workflow-runs/${run.id}`);
    const audit = await owner.api.get<Page<AuditRow>>('/v1/audit', { subjectId: run.id, type: 'workflows.run_cancelled' });
    expect(audit.data).toHaveLength(1);
  }, 120_000);
});

describe('the message of an approval in a channel', () => {
  it('mentions those who may decide, and says what was decided or that nobody did', async () => {
    const owner = await newOrganization('Notices');
    const colleague = await newColleague(owner);
    const channel = await owner.api.post<Channel>('/v1/channels', { name: 'Orders', kind: 'public' });
    await owner.api.post(`/v1/channels/${channel.id}/members`, { id: colleague.user.id });
    const asks = { message: 'May I?', assignees: [colleague.user.id], channelId: channel.id, expiresInSeconds: '${{ input.seconds }}' };
    const workflow = await publish(owner, 'Ask', { steps: [{ id: 'ask', kind: 'approval', with: asks }] });
    const notices = async () =>
      (await owner.api.get<Page<Message>>(`/v1/channels/${channel.id}/messages`)).data.filter(({ body }) => body.startsWith('May I?'));

    const run = await start(owner, workflow, { seconds: 600 });
    const asking = await eventually('the question', async () => (await notices())[0]);
    const unread = (await colleague.api.get<Page<Unread>>('/v1/unread')).data.find(({ channelId }) => channelId === channel.id);
    const { approvalId } = (await until(owner, run, 'the wait', (now) => step(now, 'ask')?.approvalId !== null)).steps[0] ?? {};
    await colleague.api.post(`/v1/approvals/${approvalId}/reject`);
    await ended(owner, run);
    const said = (count: number, what: RegExp) =>
      eventually('the message says so', async () => {
        const all = await notices();
        return all.length === count && what.test(all[0]?.body ?? '') && all[0];
      });
    const rejected = await said(1, /: rejected by .+ on .+ UTC\.$/);
    await ended(owner, await start(owner, workflow, { seconds: 3 }));
    const expired = await said(2, /: expired on .+ UTC: nobody decided in time\.$/);
    const third = await start(owner, workflow, { seconds: 600 });
    await eventually('the third question', async () => (await notices()).length === 3);
    await owner.api.post(`/v1/workflow-runs/${third.id}/cancel`);
    const takenBack = await said(3, /: taken back on .+/);

    expect(asking.mentions).toEqual([{ kind: 'user', id: colleague.user.id }]);
    expect(unread).toMatchObject({ mentions: 1 });
    for (const message of [rejected, expired, takenBack]) expect(message.revision).toBe(2);
  }, 120_000);
});

describe('a definition', () => {
  it('that events start is published by somebody signed in, not with a key', async () => {
    const owner = await newOrganization('Keys');
    const wait = { id: 'wait', kind: 'wait', with: { seconds: 1 } };
    const { key } = await owner.api.post<CreatedApiKey>('/v1/api-keys', { name: 'key', scopes: ['workflows:read', 'workflows:write'] });
    const body = { name: 'Heard', definition: { triggers: [{ event: 'chat.message_posted' }], steps: [wait] } };
    const byKey = new Api(key, owner.api.baseUrl);
    const plain = await byKey.post<Workflow>('/v1/workflows', { name: 'Plain', definition: { steps: [wait] } });

    for (const [method, path] of [
      ['POST', '/v1/workflows'],
      ['PATCH', `/v1/workflows/${plain.id}`],
    ] as const)
      expect((await byKey.refused(403, method, path, { body })).code).toBe('workflows.sign_in_to_publish');
    expect((await owner.api.post<Workflow>('/v1/workflows', body)).version).toBe(1);
  });

  it('is checked when it is saved, place by place', async () => {
    const owner = await newOrganization('Checks');
    const wait = { kind: 'wait', with: { seconds: 1 } };
    const pointers = async (definition: object) => {
      const { code, errors } = await owner.api.refused(400, 'POST', '/v1/workflows', { body: { name: 'Bad', definition } });
      return [code, ...(errors ?? []).map(({ pointer }) => pointer)];
    };

    expect(await pointers({ steps: [{ id: 'a', kind: 'magic', with: {} }] })).toContain('request.invalid');
    expect(
      await pointers({
        steps: [
          { id: 'a', ...wait, needs: ['b'] },
          { id: 'b', ...wait, needs: ['a'] },
        ],
      }),
    ).toEqual(['workflows.invalid_definition', '/definition/steps/0/needs', '/definition/steps/1/needs']);
    expect(await pointers({ steps: [{ id: 'a', ...wait, when: 'input.' }] })).toEqual([
      'workflows.invalid_definition',
      '/definition/steps/0/when',
    ]);
    expect(await pointers({ steps: [{ id: 'a', ...wait, when: 'input.x.matches("(a+)+")' }] })).toEqual([
      'workflows.invalid_definition',
      '/definition/steps/0/when',
    ]);
    expect(await pointers({ input: { type: 'nonsense' }, steps: [{ id: 'a', ...wait }] })).toEqual([
      'workflows.invalid_definition',
      '/definition/input',
    ]);
    const atInput: [object, string][] = [
      [{ $ref: 'https://example.com/schema' }, '/definition/input/$ref'],
      [{ $ref: '#' }, '/definition/input'],
      [{ properties: { name: { type: 'string', pattern: '^(?=a)a+$' } } }, '/definition/input/properties/name/pattern'],
    ];
    for (const [input, pointer] of atInput)
      expect(await pointers({ input, steps: [{ id: 'a', ...wait }] })).toEqual(['workflows.invalid_definition', pointer]);
  });

  it('names only what there is, with arguments that fit, unless an expression will say', async () => {
    const [owner, stranger] = [await newOrganization('Names'), await newOrganization('Others')];
    const theirs = await publish(stranger, 'Theirs', { steps: [{ id: 'a', ...FAILING }] });
    await stranger.api.post('/v1/agents', { name: 'their-agent' });
    const retired = await owner.api.post<Agent>('/v1/agents', { name: 'retired' });
    await owner.api.delete(`/v1/agents/${retired.id}`);
    const tool = (name: string, args: unknown = {}) => ({ kind: 'tool', with: { tool: name, arguments: args } });
    const agent = (name: string) => ({ kind: 'agent', with: { agent: name, prompt: 'Hello' } });
    const sub = (workflowId: string) => ({ kind: 'workflow', with: { workflowId } });
    const faultsOf = async (...steps: object[]) => {
      const definition = { steps: steps.map((one, index) => ({ id: `s${index}`, ...one })) };
      const { code, errors } = await owner.api.refused(400, 'POST', '/v1/workflows', { body: { name: 'Bad', definition } });
      expect(code).toBe('workflows.invalid_definition');
      return (errors ?? []).map(({ pointer, message }) => `${pointer.replace('/definition/steps/', '')} ${message}`);
    };

    const undo = { compensate: tool('undo') };
    expect(await faultsOf(tool('nothing'), tool('other__send'), { kind: 'wait', with: { seconds: 0 }, ...undo })).toEqual([
      '0/with/tool there is no such tool',
      '1/with/tool there is no such tool',
      '2/compensate/with/tool there is no such tool',
    ]);
    expect(await faultsOf(agent('nobody'), agent('their-agent'), agent('retired'))).toEqual(
      [0, 1, 2].map((at) => `${at}/with/agent there is no such agent`),
    );
    expect(await faultsOf(sub(theirs.id), sub(randomUUID()), sub('no id'))).toEqual(
      [0, 1, 2].map((at) => `${at}/with/workflowId there is no such workflow`),
    );
    expect(
      await faultsOf(
        tool('task_create', { description: '${{ input.text }}', more: 1, 'a/b': 2 }),
        tool('task_create', { title: 7, priority: '${{ input.priority }}', assignee: { kind: 'user', id: 'Ada' } }),
        tool('task_create', 'Call Ada'),
      ),
    ).toEqual([
      '0/with/arguments/title must be given',
      '0/with/arguments/more is not known',
      '0/with/arguments/a~1b is not known',
      '1/with/arguments/title must be string',
      expect.stringMatching(/^1\/with\/arguments\/assignee\/id must match/),
      expect.stringMatching(/^1\/with\/arguments\/assignee /),
      '2/with/arguments must be object',
    ]);

    const { data: tools } = await owner.api.get<Page<Tool>>('/v1/tools', { limit: 200 });
    const every = tools.map(({ name }, index) => ({ id: `s${index}`, ...tool(name, '${{ input }}') }));
    const later = [tool('${{ input.tool }}', { more: 1 }), agent('${{ input.agent }}'), sub('${{ input.workflow }}'), agent('assistant')];
    const { version } = await publish(owner, 'Fits', { steps: [...every, ...later.map((one, index) => ({ id: `l${index}`, ...one }))] });
    expect(version).toBe(1);
  });

  it('that fits no more runs to a clear failure, and may be saved as it is', async () => {
    const owner = await newOrganization('Gone');
    const { id } = await owner.api.post<Agent>('/v1/agents', { name: 'leaving' });
    const definition = { steps: [{ id: 'ask', kind: 'agent', with: { agent: 'leaving', prompt: 'Hello' } }] };
    const workflow = await publish(owner, 'Gone', definition);
    await owner.api.delete(`/v1/agents/${id}`);

    const path = `/v1/workflows/${workflow.id}`;
    expect(await owner.api.patch<Workflow>(path, { name: 'Still', definition })).toMatchObject({ name: 'Still', version: 1 });
    const refused = await owner.api.refused(400, 'PATCH', path, { body: { definition: { ...definition, output: { next: true } } } });
    expect(refused).toMatchObject({ code: 'workflows.invalid_definition', errors: [{ pointer: '/definition/steps/0/with/agent' }] });
    expect((await ended(owner, await start(owner, workflow))).failure).toMatchObject({ code: 'agents.not_active', stepId: 'ask' });
  }, 120_000);

  it('never changes: another one is the next version, and a run keeps its own', async () => {
    const owner = await newOrganization('Versions');
    const say = (word: string) => ({ steps: [{ id: 'w', kind: 'wait', with: { seconds: 3_600 } }], output: { word } });
    const workflow = await publish(owner, 'Versions', say('one'));
    const run = await start(owner, workflow);
    await waiting(owner, run);
    const next = await owner.api.post<Workflow>(`/v1/workflows/${workflow.id}/versions`, { definition: say('two') });

    await owner.api.post(`/v1/workflow-runs/${run.id}/signal`, { step: 'w' });

    expect([workflow.version, next.version]).toEqual([1, 2]);
    expect(await ended(owner, run)).toMatchObject({ version: 1, output: { word: 'one' } });
    expect(await owner.api.get(`/v1/workflows/${workflow.id}/versions/1`)).toMatchObject({
      number: 1,
      definition: { output: { word: 'one' } },
    });
  }, 120_000);

  it('holds headers that HTTP allows, at the latest when their values are known', async () => {
    const owner = await newOrganization('Headers');
    const steps = (headers: object) => [{ id: 'a', ...http('/headers', { headers }) }];
    const refused = (headers: object) =>
      owner.api.refused(400, 'POST', '/v1/workflows', { body: { name: 'Bad', definition: { steps: steps(headers) } } });

    const split = { code: 'request.invalid', errors: [{ pointer: '/definition/steps/0/with/headers/x-a' }] };
    expect(await refused({ 'x-a': 'one\r\nx-b: two' })).toMatchObject(split);
    expect((await refused({ 'x a': 'one' })).code).toBe('request.invalid');
    const workflow = await publish(owner, 'Headers', { steps: steps({ 'x-a': 'to ${{ input.name }}' }) });
    const bad = await ended(owner, await start(owner, workflow, { name: 'Ada\r\nx-b: two' }));
    const good = await ended(owner, await start(owner, workflow, { name: 'Ada' }));

    expect(bad.failure).toMatchObject({
      code: 'workflows.invalid_step_input',
      message: expect.stringContaining('/headers/x-a must hold no line breaks'),
    });
    expect(good.status).toBe('succeeded');
    const args = { url: `${receiver.baseUrl}/headers`, headers: { 'x-a': 'one\ntwo' } };
    const called = { steps: [{ id: 'a', kind: 'tool', with: { tool: 'http_request', arguments: args } }] };
    expect(await owner.api.refused(400, 'POST', '/v1/workflows', { body: { name: 'Bad', definition: called } })).toMatchObject({
      errors: [{ pointer: '/definition/steps/0/with/arguments/headers/x-a' }],
    });
    expect(receiver.received).toHaveLength(1);
  }, 60_000);

  it('names what does not fit its input', async () => {
    const owner = await newOrganization('Inputs');
    const workflow = await publish(owner, 'Inputs', {
      input: { required: ['n'], properties: { n: { type: 'integer' } } },
      steps: [{ id: 'w', kind: 'wait', with: { seconds: 0 } }],
    });

    const refused = await owner.api.refused(400, 'POST', `/v1/workflows/${workflow.id}/runs`, { body: { input: { n: 'x' } } });

    expect(refused).toMatchObject({ code: 'workflows.invalid_input', errors: [{ pointer: '/input/n' }] });
  });

  it('matches patterns in one pass over the text, whatever they repeat', async () => {
    const owner = await newOrganization('Patterns');
    const workflow = await publish(owner, 'Patterns', {
      input: { properties: { text: { type: 'string', pattern: '^(a+)+$' } } },
      steps: [{ id: 'w', kind: 'wait', with: { seconds: 0 } }],
    });
    const text = 'a'.repeat(200_000);

    const refused = await owner.api.refused(400, 'POST', `/v1/workflows/${workflow.id}/runs`, { body: { input: { text: `${text}!` } } });

    expect(refused).toMatchObject({
      code: 'workflows.invalid_input',
      errors: [{ pointer: '/input/text', message: expect.stringContaining('must match pattern') }],
    });
    await start(owner, workflow, { text });
  });
});
