import { randomUUID } from 'node:crypto';
import type { Agent, EventsPage, Message, Page, Task, TaskComment } from '@atrium/contracts';
import { newColleague, newOrganization, type Person } from '../../../test/lib/api.js';

const make = ({ api }: Person, more: object = {}) => api.post<Task>('/v1/tasks', { title: 'Call them back', ...more });
const ids = ({ data }: Page<Task>) => data.map(({ id }) => id);

describe('tasks', () => {
  it('are made for a colleague from a message, listed by filters, and change with their ETag', async () => {
    const owner = await newOrganization();
    const colleague = await newColleague(owner);
    const stranger = await newOrganization();
    const channel = await owner.api.post<{ id: string }>('/v1/channels', { name: 'sales' });
    const message = await owner.api.post<Message>(`/v1/channels/${channel.id}/messages`, { body: 'They want a call.' });
    const source = { channelId: channel.id, messageId: message.id };
    const assignee = { kind: 'user', id: colleague.user.id };

    const task = await make(owner, { assignee, source, priority: 'high', dueAt: '2027-01-02T03:04:05.000Z' });
    const other = await make(owner);
    const read = await colleague.api.call<Task>('GET', `/v1/tasks/${task.id}`);
    const done = await colleague.api.ok<Task>('PATCH', `/v1/tasks/${task.id}`, {
      body: { status: 'done' },
      headers: { 'if-match': read.headers.get('etag') ?? '' },
    });
    const late = { body: { title: 'Too late' }, headers: { 'if-match': read.headers.get('etag') ?? '' } };

    expect(task).toMatchObject({ status: 'open', assignee, source, createdBy: { kind: 'user', id: owner.user.id }, dependsOn: [] });
    expect(done).toEqual({ ...task, status: 'done', updatedAt: done.updatedAt });
    expect((await owner.api.refused(412, 'PATCH', `/v1/tasks/${task.id}`, late)).code).toBe('request.precondition_failed');
    expect(ids(await owner.api.get<Page<Task>>('/v1/tasks', { assigneeId: colleague.user.id }))).toEqual([task.id]);
    expect(ids(await owner.api.get<Page<Task>>('/v1/tasks', { status: 'open' }))).toEqual([other.id]);
    expect(ids(await owner.api.get<Page<Task>>('/v1/tasks', { dueBefore: '2027-06-01T00:00:00Z' }))).toEqual([task.id]);
    expect(ids(await stranger.api.get<Page<Task>>('/v1/tasks'))).toEqual([]);
    expect((await stranger.api.refused(404, 'GET', `/v1/tasks/${task.id}`)).code).toBe('tasks.not_found');
  });

  it('are for agents too, and for nobody who is not of the organization', async () => {
    const owner = await newOrganization();
    const stranger = await newOrganization();
    const { data } = await owner.api.get<Page<Agent>>('/v1/agents');
    const agent = { kind: 'agent', id: data[0]?.id ?? '' };

    expect((await make(owner, { assignee: agent })).assignee).toEqual(agent);
    for (const id of [stranger.user.id, randomUUID()]) {
      const body = { title: 'No', assignee: { kind: 'user', id } };
      expect((await owner.api.refused(404, 'POST', '/v1/tasks', { body })).code).toBe('tasks.assignee_not_found');
    }
  });

  it('are not made from a message that their maker may not read', async () => {
    const owner = await newOrganization();
    const colleague = await newColleague(owner);
    const secret = await owner.api.post<{ id: string }>('/v1/channels', { name: 'secret', kind: 'private' });
    const open = await owner.api.post<{ id: string }>('/v1/channels', { name: 'open' });
    const message = await owner.api.post<Message>(`/v1/channels/${secret.id}/messages`, { body: 'Psst.' });

    for (const source of [
      { channelId: secret.id, messageId: message.id },
      { channelId: open.id, messageId: message.id },
    ]) {
      const refused = await colleague.api.refused(404, 'POST', '/v1/tasks', { body: { title: 'Spy', source } });
      expect(refused.code).toBe('chat.message_not_found');
    }
  });

  it('show a guest only what is theirs', async () => {
    const owner = await newOrganization();
    const guest = await newColleague(owner, 'guest');
    const [hidden, given] = [await make(owner), await make(owner, { assignee: { kind: 'user', id: guest.user.id } })];
    const own = await make(guest);

    expect(ids(await guest.api.get<Page<Task>>('/v1/tasks'))).toEqual([own.id, given.id]);
    expect((await guest.api.refused(404, 'PATCH', `/v1/tasks/${hidden.id}`, { body: { status: 'done' } })).code).toBe('tasks.not_found');
    expect((await guest.api.refused(404, 'POST', `/v1/tasks/${own.id}/dependencies`, { body: { taskId: hidden.id } })).code).toBe(
      'tasks.not_found',
    );
  });

  it('tell each change once, with its text apart', async () => {
    const owner = await newOrganization();
    const task = await make(owner);
    await owner.api.patch(`/v1/tasks/${task.id}`, { title: 'Call them now' });
    await owner.api.patch(`/v1/tasks/${task.id}`, { title: 'Call them now' });

    const { data } = await owner.api.ok<EventsPage>('GET', '/v1/events', { headers: { accept: 'application/json' } });
    const told = data.filter((event) => event.subject.id === task.id);
    expect(told.map((event) => [event.type, (event.data['task'] as Task).title])).toEqual([
      ['tasks.created', 'Call them back'],
      ['tasks.changed', 'Call them now'],
    ]);
    const audit = await owner.api.get<Page<{ changes: object }>>('/v1/audit', { type: 'tasks.changed' });
    expect(audit.data.map(({ changes }) => changes)).toEqual([{ title: ['[text]', '[text]'] }]);
    expect(JSON.stringify(audit)).not.toContain('Call them');
  });

  it('are removed by their creator or an administrator, and take the text of their events with them', async () => {
    const owner = await newOrganization();
    const [maker, other] = [await newColleague(owner), await newColleague(owner)];
    const task = await make(maker, { title: 'Find the canary' });
    await maker.api.post(`/v1/tasks/${task.id}/comments`, { body: 'A canary.' });

    expect((await other.api.refused(403, 'DELETE', `/v1/tasks/${task.id}`)).code).toBe('tasks.not_the_creator');
    await maker.api.delete(`/v1/tasks/${task.id}`);

    const { data } = await owner.api.ok<EventsPage>('GET', '/v1/events', { headers: { accept: 'application/json' } });
    expect(JSON.stringify(data)).not.toContain('canary');
    expect(data.at(-1)).toMatchObject({ type: 'tasks.removed', data: { taskId: task.id } });
  });

  it('are made once with one Idempotency-Key', async () => {
    const owner = await newOrganization();
    const key = { 'idempotency-key': randomUUID() };

    const tasks = [
      await owner.api.post<Task>('/v1/tasks', { title: 'Once' }, key),
      await owner.api.post<Task>('/v1/tasks', { title: 'Once' }, key),
    ];

    expect(tasks[1]).toEqual(tasks[0]);
    expect((await owner.api.get<Page<Task>>('/v1/tasks')).data).toHaveLength(1);
  });
});

describe('dependencies of tasks', () => {
  it('are given with a task, added, listed and taken away', async () => {
    const owner = await newOrganization();
    const [first, second] = [await make(owner), await make(owner)];
    const task = await make(owner, { dependsOn: [first.id] });

    const both = await owner.api.post<Task>(`/v1/tasks/${task.id}/dependencies`, { taskId: second.id });
    expect(both.dependsOn).toEqual([first.id, second.id].sort());
    expect(ids(await owner.api.get<Page<Task>>(`/v1/tasks/${task.id}/dependencies`))).toEqual(both.dependsOn);
    expect((await owner.api.delete<Task>(`/v1/tasks/${task.id}/dependencies/${first.id}`)).dependsOn).toEqual([second.id]);
    expect((await owner.api.refused(404, 'DELETE', `/v1/tasks/${task.id}/dependencies/${first.id}`)).code).toBe(
      'tasks.dependency_not_found',
    );
    await owner.api.delete(`/v1/tasks/${second.id}`);
    expect((await owner.api.get<Task>(`/v1/tasks/${task.id}`)).dependsOn).toEqual([]);
  });

  it('are done, or cancelled, before the task that waits for them is', async () => {
    const owner = await newOrganization();
    const [first, second] = [await make(owner), await make(owner)];
    const task = await make(owner, { dependsOn: [first.id, second.id] });
    const finish = { body: { status: 'done' } };

    expect((await owner.api.refused(409, 'PATCH', `/v1/tasks/${task.id}`, finish)).code).toBe('tasks.dependencies_open');
    const born = { body: { title: 'Done already', status: 'done', dependsOn: [first.id] } };
    expect((await owner.api.refused(409, 'POST', '/v1/tasks', born)).code).toBe('tasks.dependencies_open');
    await owner.api.patch(`/v1/tasks/${task.id}`, { status: 'in_progress' });
    await owner.api.patch(`/v1/tasks/${first.id}`, { status: 'cancelled' });
    await owner.api.delete(`/v1/tasks/${task.id}/dependencies/${second.id}`);
    expect((await owner.api.patch<Task>(`/v1/tasks/${task.id}`, { status: 'done' })).status).toBe('done');

    const add = { body: { taskId: second.id } };
    expect((await owner.api.refused(409, 'POST', `/v1/tasks/${task.id}/dependencies`, add)).code).toBe('tasks.dependencies_open');
    await owner.api.patch(`/v1/tasks/${first.id}`, { status: 'open' });
    expect((await owner.api.patch<Task>(`/v1/tasks/${task.id}`, { title: 'Still done' })).status).toBe('done');
  });

  it('never make a circle, also when all are added at once', async () => {
    const owner = await newOrganization();
    const tasks = [await make(owner), await make(owner), await make(owner), await make(owner)];
    const ring = tasks.map((task, index) => [task.id, tasks[(index + 1) % tasks.length]?.id ?? ''] as const);

    const answers = await Promise.all(
      ring.map(([id, taskId]) => owner.api.call<Task>('POST', `/v1/tasks/${id}/dependencies`, { body: { taskId } })),
    );

    expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 201, 409]);
    expect(answers.find(({ status }) => status === 409)?.body).toMatchObject({ code: 'tasks.dependency_cycle' });
  });

  it('may not be a task of another organization', async () => {
    const owner = await newOrganization();
    const foreign = await make(await newOrganization());

    for (const id of [foreign.id, randomUUID()]) {
      expect((await owner.api.refused(404, 'POST', '/v1/tasks', { body: { title: 'No', dependsOn: [id] } })).code).toBe('tasks.not_found');
    }
  });
});

describe('comments of tasks', () => {
  it('are changed by their author, and removed by the author or an administrator', async () => {
    const owner = await newOrganization();
    const [author, other] = [await newColleague(owner), await newColleague(owner)];
    const task = await make(owner);
    const path = `/v1/tasks/${task.id}/comments`;
    const comment = await author.api.post<TaskComment>(path, { body: 'First.' });

    const changed = await author.api.patch<TaskComment>(`${path}/${comment.id}`, { body: 'Second.' });
    for (const person of [other, owner]) {
      const refused = await person.api.refused(403, 'PATCH', `${path}/${comment.id}`, { body: { body: 'Mine.' } });
      expect(refused.code).toBe('tasks.not_the_author');
    }
    expect((await other.api.refused(403, 'DELETE', `${path}/${comment.id}`)).code).toBe('tasks.not_the_author');
    expect((await owner.api.get<Page<TaskComment>>(path)).data).toEqual([changed]);

    await owner.api.delete(`${path}/${comment.id}`);
    expect((await owner.api.get<Page<TaskComment>>(path)).data).toEqual([]);
  });
});
