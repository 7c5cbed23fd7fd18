import type { ToolEffect } from '@atrium/contracts';

/** What comes of a call: it leaves the organization, or something is gone after it. */
const GUARDED: readonly ToolEffect[] = ['sends_out', 'destroys'];

const has = (effects: readonly ToolEffect[], ...sought: ToolEffect[]) => sought.some((effect) => effects.includes(effect));

/**
 * Whether a person has to agree first: to what sends out or destroys, unless the agent may do so by itself and has read nothing untrusted
 * in this run; once it has, to what shows its arguments to others, too.
 */
export function needsApproval(effects: readonly ToolEffect[], { tainted, exempt }: { tainted: boolean; exempt: boolean }): boolean {
  if (has(effects, ...GUARDED)) return tainted || !exempt;
  return tainted && has(effects, 'publishes');
}

/** Whether the run has read what others wrote, after such a call: what comes in from outside is always that. */
export const taints = (effects: readonly ToolEffect[]): boolean => has(effects, 'reads_untrusted', 'sends_out');

/**
 * Whether a call of which nobody knows if it happened may be made again: one that only reads, or one that writes here, where its first
 * transaction claims the call's key. What sends out without such a transaction may not.
 */
export const isRepeatable = (effects: readonly ToolEffect[]): boolean => !has(effects, 'sends_out') || has(effects, 'writes');

/** Whether nothing but reading comes of it. */
export const isReading = (effects: readonly ToolEffect[]): boolean => !has(effects, 'sends_out', 'publishes', 'writes', 'destroys');
