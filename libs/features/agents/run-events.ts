import type { EventType } from '@atrium/contracts';
import type { EventDraft } from '@atrium/platform/events';
import type { RunRow, StepRow } from './run.repository.js';

type RunEvent = Extract<EventType, `agents.run_${string}`>;

/** What happened to a run, to whom it is done for: its state and codes, never its values. */
export function runTold(
  type: RunEvent,
  run: Pick<RunRow, 'id' | 'agentId' | 'version' | 'status' | 'failureCode' | 'personId' | 'triggerKind' | 'channelId'>,
  changes?: EventDraft['changes'],
): EventDraft {
  const { id, agentId, version, status, failureCode, triggerKind, channelId } = run;
  return {
    type,
    subject: { kind: 'agent_run', id },
    audience: `user:${run.personId}`,
    data: { runId: id, agentId, version, status, failureCode, trigger: triggerKind, channelId },
    ...(changes ? { changes } : {}),
  };
}

export function stepEnded(
  { id, agentId, personId }: Pick<RunRow, 'id' | 'agentId' | 'personId'>,
  { number, kind, tool, status, failureCode, approvalId }: StepRow,
): EventDraft {
  return {
    type: 'agents.step_ended',
    subject: { kind: 'agent_run', id },
    audience: `user:${personId}`,
    data: { runId: id, agentId, number, kind, tool: tool?.slice(0, 100) ?? null, status, failureCode, approvalId },
  };
}
