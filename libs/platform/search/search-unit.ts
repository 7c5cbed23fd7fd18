import type { SearchKind } from '@atrium/contracts';
import type { JsonObject } from '@atrium/platform/events';

/** One searchable piece of text: a message, a chunk of a document, or a memory. */
export interface SearchUnit {
  /** A UUID, the unit's own for ever: a second `put` replaces it. */
  id: string;
  kind: SearchKind;
  /** The message, document or memory that is found. */
  subjectId: string;
  /** Its place among the units of the subject, from 0. */
  ordinal: number;
  title: string;
  body: string;
  /** Opaque keys (`org`, `user:<id>`, `channel:<id>`), of which a reader needs one. Not empty. */
  grants: string[];
  /** DocumentSource, MessageSource or MemorySource of the contracts. */
  source: JsonObject;
  /** Of a turn of a conversation: what it is ranked with, beside its text. */
  turn?: Turn;
  /** From when it holds. Default: always did. */
  validFrom?: Date;
  /** Until when it holds, exclusive. Default null: without end. */
  validTo?: Date | null;
}

export interface Turn {
  /** A UUID, the same for all turns of the conversation. */
  conversation: string;
  /** Who says it, as people name them; empty when unknown. */
  speaker: string;
  /** Its order in there, to the millisecond. */
  saidAt: Date;
}
