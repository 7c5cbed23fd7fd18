import type { EventType } from '@atrium/contracts';
import type { Audience, EventDraft, JsonObject } from '@atrium/platform/events';
import { audienceOf } from '@atrium/platform/search';
import { type MemoryRow, toMemory } from './memory.js';
import { type NamespaceRow, toNamespace } from './namespace.js';

type MemoryEvent = Extract<EventType, `memory.${string}`>;

interface Telling {
  /** Further facts of `data`. */
  facts?: JsonObject;
  changes?: NonNullable<EventDraft['changes']>;
  /** Wider than who may read it now: those receive the facts, not the text. */
  audience?: Audience;
}

/** An event that carries the whole memory. What persons wrote and whom they named is in the erasable text. */
export function told(
  type: MemoryEvent,
  row: MemoryRow,
  namespaceName: string,
  { facts = {}, changes, audience }: Telling = {},
): EventDraft {
  const { content, namespace, subject, predicate, tags, metadata, source, access, ...memory } = toMemory(row, namespaceName);
  return {
    type,
    subject: { kind: 'memory', id: row.id },
    audience: audience ?? audienceOf(row),
    data: { memoryId: row.id, ...facts, memory: { ...memory, access: { level: access.level } } as unknown as JsonObject },
    text: { memory: { content, namespace, subject, predicate, tags, metadata: metadata as JsonObject, source, access } },
    ...(changes ? { changes } : {}),
    ...(audience && audience !== audienceOf(row) ? { requires: [row.readers] } : {}),
  };
}

/** The last that is told of a memory. */
export function toldForgotten(row: MemoryRow): EventDraft {
  return { type: 'memory.forgotten', subject: { kind: 'memory', id: row.id }, audience: audienceOf(row), data: { memoryId: row.id } };
}

export function toldNamespace(type: MemoryEvent, row: NamespaceRow, { facts = {}, changes, audience }: Telling = {}): EventDraft {
  const { name, description, access, ...namespace } = toNamespace(row);
  return {
    type,
    subject: { kind: 'memory_namespace', id: row.id },
    audience: audience ?? audienceOf(row),
    data: { namespaceId: row.id, ...facts, namespace: { ...namespace, access: { level: access.level } } as unknown as JsonObject },
    text: { namespace: { name, description, access } },
    ...(changes ? { changes } : {}),
    ...(audience && audience !== audienceOf(row) ? { requires: [row.readers] } : {}),
  };
}
