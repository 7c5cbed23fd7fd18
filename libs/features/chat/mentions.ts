import type { PrincipalRef } from '@atrium/contracts';
import type { Names } from './reader.js';

/** More names than these in one message are not looked at. */
const MAX_TOKENS = 50;
const TOKEN = /(?<![\p{L}\p{N}_])@([\p{L}\p{M}\p{N}_][\p{L}\p{M}\p{N}_.'’-]{0,79})/gu;

/** Whether it is worth the while to look up names. */
export const mayMention = (body: string): boolean => body.includes('@');

/**
 * The principals of `names` (`kind:id` → display name) that the text mentions: `@` and the name without spaces and without `.`, `'` and `-`,
 * in any case of letters. Of `@ada's` and `@ada.` the leading letters count too. Two people of one name are both meant.
 */
export function mentionsIn(body: string, names: Names): PrincipalRef[] {
  const tokens = new Set<string>();
  for (const [, token] of body.normalize('NFC').matchAll(TOKEN)) {
    if (token === undefined || tokens.size >= MAX_TOKENS * 2) break;
    tokens.add(folded(token));
    tokens.add(folded(/^[\p{L}\p{M}\p{N}_]+/u.exec(token)?.[0] ?? ''));
  }
  if (tokens.size === 0) return [];
  return [...names]
    .filter(([, name]) => tokens.has(folded(name)))
    .map(([key]) => ({ kind: key.slice(0, key.indexOf(':')) as PrincipalRef['kind'], id: key.slice(key.indexOf(':') + 1) }));
}

const folded = (name: string) =>
  name
    .normalize('NFC')
    .toLowerCase()
    .replace(/[\s.'’-]/gu, '');
