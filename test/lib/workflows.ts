import { randomUUID } from 'node:crypto';
import type { Approval, Page, Workflow, WorkflowRun } from '@atrium/contracts';
import { eventually, type Person } from './api.js';

const WAIT = { steps: [{ id: 'wait', kind: 'wait', with: { seconds: 3_600 } }] };
/** There is no task of the run's id. */
export const FAILING = { kind: 'tool', with: { tool: 'task_update', arguments: { taskId: '${{ run.id }}', status: 'done' } } };
const FAIL = { steps: [{ id: 'fail', ...FAILING }] };

export const newWorkflow = ({ api }: Person, definition: object = WAIT) =>
  api.post<Workflow>('/v1/workflows', { name: `Workflow ${randomUUID()}`, definition });

export const publish = ({ api }: Person, name: string, definition: object) => api.post<Workflow>('/v1/workflows', { name, definition });
export const start = ({ api }: Person, { id }: { id: string }, input: object = {}) =>
  api.post<WorkflowRun>(`/v1/workflows/${id}/runs`, { input });
export const read = ({ api }: Person, { id }: { id: string }) => api.get<WorkflowRun>(`/v1/workflow-runs/${id}`);
export const until = (person: Person, run: { id: string }, what: string, is: (run: WorkflowRun) => boolean) =>
  eventually(
    what,
    async () => {
      const now = await read(person, run);
      return is(now) && now;
    },
    60_000,
  );
export const ended = (person: Person, run: { id: string }) => until(person, run, 'the run ends', ({ endedAt }) => endedAt !== null);
export const waiting = (person: Person, run: { id: string }) => until(person, run, 'the run waits', ({ status }) => status === 'waiting');
export const step = (run: WorkflowRun, id: string) => run.steps.find((one) => one.id === id);

/** A run that waits for an hour, or one that has failed. */
export async function newRun(by: Person, kind: 'waiting' | 'failed' = 'waiting'): Promise<WorkflowRun> {
  const { id } = await newWorkflow(by, kind === 'failed' ? FAIL : WAIT);
  const run = await by.api.post<WorkflowRun>(`/v1/workflows/${id}/runs`);
  return eventually(`the run is ${kind}`, async () => {
    const now = await by.api.get<WorkflowRun>(`/v1/workflow-runs/${run.id}`);
    return now.status === kind && now;
  });
}

/** A question that a workflow asks the person. */
export async function newApproval(by: Person): Promise<Approval> {
  const ask = { id: 'ask', kind: 'approval', with: { message: 'May I?', assignees: [by.user.id] } };
  const { id } = await newWorkflow(by, { steps: [ask] });
  const run = await by.api.post<WorkflowRun>(`/v1/workflows/${id}/runs`);
  return eventually('the approval is asked for', async () => {
    const { data } = await by.api.get<Page<Approval>>('/v1/approvals', { subjectId: run.id });
    return data[0];
  });
}
