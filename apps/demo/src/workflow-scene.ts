import { setTimeout as sleep } from 'node:timers/promises';
import type { Approval, Channel, Message, Page, Task, Workflow, WorkflowRun } from '@atrium/contracts';
import type { Client } from './client.js';
import { bold, type Terminal } from './terminal.js';

const looking = (id: string, query: string) => ({ id, kind: 'tool', with: { tool: 'search', arguments: { query, limit: 3 } } });

/** Looks around in three branches at once, asks a colleague, makes a task, and reports in the thread. */
const ORDER = {
  steps: [
    looking('prices', 'price of a station'),
    looking('credit', 'service credit availability'),
    looking('people', 'head of operations'),
    {
      id: 'ask',
      kind: 'approval',
      needs: ['prices', 'credit', 'people'],
      with: {
        message: 'Order ${{ input.amount }} stations for Contoso?',
        assignees: ['${{ input.approver }}'],
        channelId: '${{ input.channelId }}',
        expiresInSeconds: 3_600,
      },
    },
    {
      id: 'task',
      kind: 'tool',
      needs: ['ask'],
      when: 'steps.ask.output.approved',
      with: {
        tool: 'task_create',
        arguments: { title: 'Deliver ${{ input.amount }} stations to Contoso', assignee: { kind: 'user', id: '${{ input.approver }}' } },
      },
    },
    {
      id: 'report',
      kind: 'tool',
      needs: ['task'],
      with: {
        tool: 'chat_post',
        arguments: { channelId: '${{ input.channelId }}', threadId: '${{ input.threadId }}', body: 'Approved: the task is made.' },
      },
    },
  ],
  output: { task: '${{ steps.task.output.id }}' },
};

/** Starts the workflow, and comes back when it waits for the approval. */
export async function startOrder(terminal: Terminal, olivia: Client, approver: string, channel: Channel): Promise<WorkflowRun> {
  const asked = await olivia.post<Message>(`/v1/channels/${channel.id}/messages`, { body: 'Contoso wants four stations.' });
  const workflow = await olivia.post<Workflow>('/v1/workflows', { name: 'Order', definition: ORDER });
  const input = { amount: 4, approver, channelId: channel.id, threadId: asked.id };
  const { id } = await olivia.post<WorkflowRun>(`/v1/workflows/${workflow.id}/runs`, { input });
  terminal.say(`Olivia starts the workflow ${bold('Order')}: three searches at once, then Ben must agree.`);
  const run = await until(olivia, id, ({ status }) => status === 'waiting');
  const done = run.steps.filter(({ status }) => status === 'succeeded').length;
  terminal.check('three branches are done, and it waits for Ben', done === 3, run.steps);
  return run;
}

/** Ben agrees; each effect happens once. */
export async function finishOrder(terminal: Terminal, olivia: Client, ben: Client, run: WorkflowRun): Promise<void> {
  const { data: approvals } = await ben.get<Page<Approval>>('/v1/approvals?status=pending');
  const [approval] = approvals;
  terminal.check('the approval survived the kill', approvals.length === 1, approvals);
  if (approval) await ben.post(`/v1/approvals/${approval.id}/approve`);
  const ended = await until(olivia, run.id, ({ endedAt }) => endedAt !== null);
  const { data: tasks } = await ben.get<Page<Task>>('/v1/tasks');
  terminal.check('Ben agreed: the run went on where it was, and succeeded', ended.status === 'succeeded', ended);
  terminal.check(`there is one task for Ben: “${tasks[0]?.title}”`, tasks.length === 1, tasks);
}

async function until(client: Client, id: string, is: (run: WorkflowRun) => boolean): Promise<WorkflowRun> {
  for (let tries = 0; ; tries++) {
    const run = await client.get<WorkflowRun>(`/v1/workflow-runs/${id}`);
    if (is(run) || tries > 300) return run;
    await sleep(100);
  }
}
