import { randomUUID } from 'node:crypto';
import type { Approval, Page, Workflow, WorkflowRun } from '@atrium/contracts';
import { eventually, type Person } from './api.js';

const WAIT = { steps: [{ id: 'wait', kind: 'wait', with: { seconds: 3_600 } }] };
const FAIL = { steps: [{ id: 'fail', kind: 'tool', with: { tool: 'nothing' } }] };

export const newWorkflow = ({ api }: Person, definition: object = WAIT) =>
  api.post<Workflow>('/v1/workflows', { name: `Workflow ${randomUUID()}`, definition });

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
