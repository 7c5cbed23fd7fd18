import type { EventType, Schedule } from '@atrium/contracts';
import type { EventDraft } from '@atrium/platform/events';
import type { StepRow } from './run-plan.js';
import type { RunRow } from './run.repository.js';

type Changes = EventDraft['changes'];

export function workflowTold(
  type: 'workflows.created' | 'workflows.changed' | 'workflows.removed',
  { id, name, version }: { id: string; name: string; version: number },
  changes?: Changes,
): EventDraft {
  return {
    type,
    subject: { kind: 'workflow', id },
    audience: 'organization',
    data: { workflowId: id, version },
    ...(type === 'workflows.removed' ? {} : { text: { name } }),
    ...(changes ? { changes } : {}),
  };
}

type RunEvent = Extract<EventType, `workflows.run_${string}`>;

/** What happened to a run: its state and codes, never its values. */
export function runTold(
  type: RunEvent,
  run: Pick<RunRow, 'id' | 'workflowId' | 'version' | 'status' | 'failureCode' | 'failureStep'>,
  changes?: Changes,
): EventDraft {
  return {
    type,
    subject: { kind: 'workflow_run', id: run.id },
    audience: 'organization',
    data: {
      runId: run.id,
      workflowId: run.workflowId,
      version: run.version,
      status: run.status,
      failure: run.failureCode === null ? null : { code: run.failureCode, stepId: run.failureStep },
    },
    ...(changes ? { changes } : {}),
  };
}

export function stepEnded(
  run: Pick<RunRow, 'id' | 'workflowId'>,
  { stepId, item, kind, status, attempt, failureCode }: StepRow,
): EventDraft {
  return {
    type: 'workflows.step_ended',
    subject: { kind: 'workflow_run', id: run.id },
    audience: 'organization',
    data: { runId: run.id, workflowId: run.workflowId, stepId, item: item < 0 ? null : item, kind, status, attempt, failureCode },
  };
}

export function scheduleTold(
  type: Extract<EventType, `workflows.schedule_${string}`>,
  { id, workflowId, cron, timeZone, enabled, failureCode }: Schedule,
  changes?: Changes,
): EventDraft {
  return {
    type,
    subject: { kind: 'workflow_schedule', id },
    audience: 'organization',
    data: { scheduleId: id, workflowId, cron, timeZone, enabled, failureCode },
    ...(changes ? { changes } : {}),
  };
}
