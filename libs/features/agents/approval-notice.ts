import type { Approval, ApprovalId } from '@atrium/contracts';
import { inertText } from './inert-text.js';

/** What a notice shows of a call's arguments. UTF-16 code units. */
const SHOWN_CHARS = 600;

/** The message in a channel that asks for a decision: the question, then who may decide. */
export const waitingNotice = (text: string, id: ApprovalId, deciders: readonly string[]): string =>
  `${text}\n\n${markOf(id)} waiting for a decision. It may be decided by ${deciders.map(nameIn).join(', ')}.`;

/** The same message once the approval is over; a text that does not wait any more stays as it is. */
export function decidedNotice(body: string, { id, status, expiresAt }: Approval, decider: string | null, at: Date): string {
  const [before, rest] = cutAtLast(body, `${markOf(id)} waiting for a decision.`);
  if (rest === null) return body;
  const time = `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  const said = {
    approved: `approved by ${nameIn(decider ?? '')} on ${time}.`,
    rejected: `rejected by ${nameIn(decider ?? '')} on ${time}.`,
    expired:
      at < new Date(expiresAt) ? `taken back on ${time}: what waited for it has ended.` : `expired on ${time}: nobody decided in time.`,
    pending: 'waiting for a decision.',
  }[status];
  return `${before}${markOf(id)} ${said}`;
}

/** A call as a channel is shown it: in one line, without values of headers, which may be secrets, and without a live link. */
export function shownCall(tool: string, args: unknown): string {
  const text = JSON.stringify(withoutSecrets(args ?? {})).replace(/\s+/g, ' ');
  return inertText(`I ask for leave to use ${tool} with:\n\n${text.length <= SHOWN_CHARS ? text : `${text.slice(0, SHOWN_CHARS)}…`}`);
}

function withoutSecrets(args: unknown): unknown {
  if (typeof args !== 'object' || args === null || !('headers' in args)) return args;
  const { headers } = args;
  if (typeof headers !== 'object' || headers === null) return args;
  return { ...args, headers: Object.fromEntries(Object.keys(headers).map((name) => [name, '[secret]'])) };
}

function cutAtLast(body: string, mark: string): [string, string | null] {
  const at = body.lastIndexOf(mark);
  return at < 0 ? [body, null] : [body.slice(0, at), body.slice(at + mark.length)];
}

const markOf = (id: ApprovalId) => `Approval ${id}:`;
const nameIn = (name: string) => inertText(name.replace(/\s+/g, ' ').trim()) || 'somebody who has left';
