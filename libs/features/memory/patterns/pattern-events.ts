import type { EventType } from '@atrium/contracts';
import type { Audience, EventDraft, JsonObject } from '@atrium/platform/events';
import { audienceOf } from '@atrium/platform/search';
import { type PatternRow, toPattern } from './pattern.js';

interface Telling {
  /** Further facts of `data`. */
  facts?: JsonObject;
  changes?: NonNullable<EventDraft['changes']>;
  /** Wider than who may read it now: those receive the facts, not the text. */
  audience?: Audience;
}

/** An event that carries the whole pattern. What persons wrote and whom they named is in the erasable text. */
export function toldPattern(
  type: Extract<EventType, `memory.pattern_${string}`>,
  row: PatternRow,
  { facts = {}, changes, audience }: Telling = {},
): EventDraft {
  const { name, situation, action, tags, metadata, access, ...pattern } = toPattern(row);
  return {
    type,
    subject: { kind: 'pattern', id: row.id },
    audience: audience ?? audienceOf(row),
    data: { patternId: row.id, ...facts, pattern: { ...pattern, access: { level: access.level } } as unknown as JsonObject },
    text: { pattern: { name, situation, action, tags, metadata: metadata as JsonObject, access } },
    ...(changes ? { changes } : {}),
    ...(audience && audience !== audienceOf(row) ? { requires: [row.readers] } : {}),
  };
}

/** The last that is told of a pattern. */
export function toldRemoved(row: PatternRow): EventDraft {
  return {
    type: 'memory.pattern_removed',
    subject: { kind: 'pattern', id: row.id },
    audience: audienceOf(row),
    data: { patternId: row.id },
  };
}
