import type { AgentCall, AgentLimits, ProblemCode } from '@atrium/contracts';
import { canonicalJson } from '@atrium/platform/events';
import type { RunRow, StepRow } from './run.repository.js';

/** Tools that a model may ask for at once. */
const MAX_CALLS = 16;
/** The same call so often in a row is no work any more. */
const MAX_EQUAL_CALLS = 5;

/** What is next by the rules alone. */
export type Next =
  | { kind: 'ask' }
  | { kind: 'begin'; call: AgentCall }
  /** A step that has not ended: begun by a process that is gone, or waiting. */
  | { kind: 'resume'; step: StepRow }
  | { kind: 'answered'; text: string };

export const isOver = ({ endedAt }: Pick<StepRow, 'endedAt'>): boolean => endedAt !== null;

/** A model's step, then one step for each call that it asked for, then the model again; an answer without calls ends the run. */
export function nextOf(steps: readonly StepRow[]): Next {
  const open = steps.find((step) => !isOver(step));
  if (open) return { kind: 'resume', step: open };
  const asked = steps.findLastIndex(({ kind }) => kind === 'model');
  const answer = steps[asked];
  if (!answer) return { kind: 'ask' };
  const call = answer.calls[steps.length - asked - 1];
  if (call) return { kind: 'begin', call };
  return answer.calls.length > 0 ? { kind: 'ask' } : { kind: 'answered', text: answer.text ?? '' };
}

export interface RunFailure {
  code: ProblemCode;
  message: string;
}

/** Why the run may not begin another step; null when it may. */
export function spent(
  run: Pick<RunRow, 'inputTokens' | 'outputTokens' | 'costMicros' | 'deadlineAt'>,
  steps: number,
  limits: AgentLimits,
  now: Date,
): RunFailure | null {
  if (run.deadlineAt !== null && run.deadlineAt <= now)
    return { code: 'agents.time_spent', message: `The run has used all of its ${limits.seconds} seconds.` };
  if (steps >= limits.steps) return { code: 'agents.steps_spent', message: `The run has used all of its ${limits.steps} steps.` };
  if (run.inputTokens + run.outputTokens >= limits.tokens)
    return { code: 'agents.tokens_spent', message: `The run has used all of its ${limits.tokens} tokens.` };
  if (limits.costMicros !== null && run.costMicros >= limits.costMicros)
    return { code: 'agents.cost_spent', message: `The run has cost all of its ${limits.costMicros} micro-dollars.` };
  return null;
}

/** Why an answer of the model cannot be gone on with; null when it can. */
export function faultOf(steps: readonly StepRow[], answer: Pick<StepRow, 'text' | 'calls'>, finish: string): RunFailure | null {
  const { calls } = answer;
  if (finish === 'length' || finish === 'content-filter')
    return { code: 'agents.answer_incomplete', message: `The model stopped before it had answered (${finish}).` };
  if (calls.length === 0 && (answer.text ?? '').trim() === '')
    return { code: 'agents.answer_incomplete', message: 'The model answered nothing.' };
  if (calls.length > MAX_CALLS)
    return { code: 'agents.too_many_calls', message: `The model asked for ${calls.length} tools at once; ${MAX_CALLS} are allowed.` };
  const all = [...steps.flatMap((step) => step.calls), ...calls]
    .slice(-MAX_EQUAL_CALLS)
    .map(({ tool, arguments: args }) => canonicalJson([tool, args]));
  if (calls.length > 0 && all.length === MAX_EQUAL_CALLS && new Set(all).size === 1)
    return { code: 'agents.going_in_circles', message: `The model asked for the same call ${MAX_EQUAL_CALLS} times in a row.` };
  return null;
}
