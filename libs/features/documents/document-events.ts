import type { EventType } from '@atrium/contracts';
import type { Audience, EventDraft, JsonObject } from '@atrium/platform/events';
import { audienceOf } from '@atrium/platform/search';
import { type DocumentRow, toDocument } from './document.js';

type DocumentEvent = Extract<EventType, `documents.${string}`>;

export interface Telling {
  /** Further facts of `data`. */
  facts?: JsonObject;
  changes?: NonNullable<EventDraft['changes']>;
  /** Wider than who may read it now: those receive the facts, not the text. */
  audience?: Audience;
}

/**
 * An event that carries the whole document, so that a client need not fetch it. What persons wrote (title, metadata, why it failed) and whom
 * they named are in the erasable text.
 */
export function told(type: DocumentEvent, row: DocumentRow, { facts = {}, changes, audience }: Telling = {}): EventDraft {
  const { title, metadata, failure, access, ...document } = toDocument(row);
  return {
    type,
    subject: { kind: 'document', id: row.id },
    audience: audience ?? audienceOf(row),
    data: { documentId: row.id, ...facts, document: { ...document, access: { level: access.level } } },
    text: { document: { title, metadata: metadata as JsonObject, failure, access } },
    ...(changes ? { changes } : {}),
    ...(audience && audience !== audienceOf(row) ? { requires: [row.readers] } : {}),
  };
}

/** The last that is told of a document. */
export function toldRemoved(row: DocumentRow): EventDraft {
  return { type: 'documents.removed', subject: { kind: 'document', id: row.id }, audience: audienceOf(row), data: { documentId: row.id } };
}

export type Stage = 'extracting' | 'chunking' | 'indexing';
const STAGES: Stage[] = ['extracting', 'chunking', 'indexing'];

/** `progress.done` stages of `progress.total` are behind it. */
export function toldProgress(row: DocumentRow, version: number, stage: Stage): EventDraft {
  return {
    type: 'documents.ingestion_progressed',
    subject: { kind: 'document', id: row.id },
    audience: audienceOf(row),
    data: { documentId: row.id, version, stage, progress: { done: STAGES.indexOf(stage), total: STAGES.length } },
  };
}
