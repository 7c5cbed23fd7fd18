import { setTimeout as sleep } from 'node:timers/promises';
import type { Agent, Approval, AuditRow, Channel, Message, Page, Task, Workflow, WorkflowRun } from '@atrium/contracts';
import type { Client } from './client.js';
import { type Line, type StandIn, startModel, Supplier } from './stand-in.js';
import { dim, type Terminal } from './terminal.js';

/** Who takes part, and what there is from the first scene to the last. */
export interface Order {
  supplier: Supplier;
  model: StandIn;
  buyer: Agent;
  channel: Channel;
  /** Olivia's message, in whose thread everything is said. */
  asked: Message;
  run: WorkflowRun;
}

/** Looks into three things at once, asks a colleague, orders, makes a task, and reports in the thread. */
const definitionOf = (supplier: string, approver: string, { id: channelId }: Channel) => ({
  steps: [
    { id: 'prices', kind: 'tool', with: { tool: 'search', arguments: { query: 'price of a station', limit: 3 } } },
    { id: 'credit', kind: 'tool', with: { tool: 'search', arguments: { query: 'service credit availability', limit: 3 } } },
    { id: 'opinion', kind: 'agent', with: { agent: 'assistant', prompt: 'Is an order of ${{ input.amount }} stations usual?' } },
    {
      id: 'ask',
      kind: 'approval',
      needs: ['prices', 'credit', 'opinion'],
      with: {
        message: 'Order ${{ input.amount }} stations for Contoso?',
        assignees: [approver],
        channelId,
        expiresInSeconds: 3_600,
      },
    },
    {
      id: 'order',
      kind: 'http',
      needs: ['ask'],
      when: 'steps.ask.output.approved',
      retry: { attempts: 3, backoffSeconds: 1 },
      with: { method: 'POST', url: `${supplier}/orders`, body: { stations: '${{ input.amount }}' } },
    },
    {
      id: 'task',
      kind: 'tool',
      needs: ['order'],
      with: {
        tool: 'task_create',
        arguments: { title: 'Deliver ${{ input.amount }} stations to Contoso', assignee: { kind: 'user', id: approver } },
      },
    },
    {
      id: 'report',
      kind: 'tool',
      needs: ['task'],
      with: {
        tool: 'chat_post',
        arguments: { channelId, threadId: '${{ input.threadId }}', body: 'Ordered: ${{ steps.order.output.body }}. The task is made.' },
      },
    },
  ],
  output: { task: '${{ steps.task.output.id }}' },
});

/** An agent is asked in the channel: it looks around, remembers, and proposes the workflow; comes back when that waits for Ben. */
export async function startOrder(terminal: Terminal, olivia: Client, approver: string, channel: Channel): Promise<Order> {
  const supplier = new Supplier();
  const definition = definitionOf(await supplier.url(), approver, channel);
  const workflow = await olivia.post<Workflow>('/v1/workflows', { name: 'Order', definition });
  const asked = await olivia.post<Message>(`/v1/channels/${channel.id}/messages`, { body: 'Contoso asks for stations.' });
  const part: Line[] = [
    { tool: 'search', arguments: { query: 'price of a station', limit: 3 } },
    { tool: 'memory_search', arguments: { query: 'Contoso', limit: 3 } },
    { tool: 'memory_add', arguments: { content: 'Contoso wants four stations.' } },
    { tool: 'workflow_run', arguments: { workflowId: workflow.id, input: { amount: 4, threadId: asked.id } } },
    'I looked into prices and memory, remembered what Contoso wants, and started Order: it asks Ben.',
  ];
  const model = await startModel(part, 'Four is usual.');
  terminal.say(dim('The model of this scene is a stand-in that plays a fixed part; everything around it is real.'));
  await olivia.post('/v1/model-providers', { name: 'Stand-in', baseUrl: `${model.url}/v1`, models: [{ name: 'stand-in' }] });
  const tools = ['search', 'memory_search', 'memory_add', 'workflow_run'];
  const buyer = await olivia.post<Agent>('/v1/agents', { name: 'buyer', displayName: 'Buyer', tools });
  await olivia.post(`/v1/channels/${channel.id}/members`, { kind: 'agent', id: buyer.id });
  const body = '@Buyer they want four. Look into prices and what we know, and order them.';
  terminal.quote('Olivia', body);
  await olivia.post(`/v1/channels/${channel.id}/messages`, { body, threadId: asked.id });

  const leave = await pending(olivia, 'agent_run');
  terminal.check('Buyer has looked around and remembered, and asks Olivia before it starts anything', leave !== undefined, leave);
  await olivia.post(`/v1/approvals/${leave?.id}/approve`);
  const question = await pending(olivia, 'workflow_run');
  const [started] = (await olivia.get<Page<WorkflowRun>>(`/v1/workflow-runs?workflowId=${workflow.id}`)).data;
  const run = await until(olivia, started?.id ?? '', ({ status }) => status === 'waiting');
  const done = run.steps.filter(({ status }) => status === 'succeeded').map(({ id }) => id);
  terminal.check(`three branches are done at once (${done.join(', ')}), and it waits for Ben`, done.length === 3, run.steps);
  terminal.quote('to Ben', question?.message ?? '');
  return { supplier, model, buyer, channel, asked, run };
}

/** Ben agrees; comes back when the supplier has been called and has not answered yet. */
export async function agree(terminal: Terminal, ben: Client, { supplier }: Order): Promise<void> {
  const approval = await pending(ben, 'workflow_run');
  terminal.check('the approval survived the kill', approval !== undefined, approval);
  await ben.post(`/v1/approvals/${approval?.id}/approve`);
  await supplier.firstCall;
  terminal.say('Ben agrees, and the supplier is called.');
}

/** Everything ends, each effect once. */
export async function finishOrder(terminal: Terminal, olivia: Client, ben: Client, order: Order): Promise<void> {
  const { supplier, run, asked, channel, buyer } = order;
  const ended = await until(olivia, run.id, ({ endedAt }) => endedAt !== null);
  terminal.check('killed in the middle of that step, the run went on where it was, and succeeded', ended.status === 'succeeded', ended);
  terminal.check(
    `the supplier was called ${supplier.calls.length} times with one Idempotency-Key: there is one order`,
    supplier.orders === 1,
    supplier.calls,
  );
  const { data: tasks } = await ben.get<Page<Task>>('/v1/tasks');
  terminal.check(`there is one task for Ben: “${tasks[0]?.title}”`, tasks.length === 1, tasks);
  const { data: thread } = await olivia.get<Page<Message>>(`/v1/messages/${asked.id}/thread`);
  const reports = thread.filter(({ body }) => body.startsWith('Ordered:'));
  terminal.quote('thread', reports[0]?.body ?? '');
  terminal.check('and one report in the thread', reports.length === 1 && reports[0]?.channelId === channel.id, thread);
  const { data: rows } = await olivia.get<Page<AuditRow>>(`/v1/audit?actorId=${buyer.id}&limit=200`);
  const { user } = await olivia.get<{ user: { id: string } }>('/v1/me');
  terminal.check(
    `the record has all of it in Buyer’s name, on behalf of Olivia (${rows.length} records)`,
    rows.length > 0 && rows.every(({ onBehalfOf }) => onBehalfOf === user.id),
    rows.map(({ type, onBehalfOf }) => [type, onBehalfOf]),
  );
  await supplier.stop();
  order.model.stop();
}

/** The approval that waits for this person, of a run of this kind. */
async function pending(person: Client, kind: string): Promise<Approval | undefined> {
  for (let tries = 0; tries < 300; tries++) {
    const { data } = await person.get<Page<Approval>>('/v1/approvals?status=pending');
    const found = data.find(({ subject }) => subject.kind === kind);
    if (found) return found;
    await sleep(100);
  }
  return undefined;
}

async function until(client: Client, id: string, is: (run: WorkflowRun) => boolean): Promise<WorkflowRun> {
  for (let tries = 0; ; tries++) {
    const run = await client.get<WorkflowRun>(`/v1/workflow-runs/${id}`);
    if (is(run) || tries > 300) return run;
    await sleep(100);
  }
}
