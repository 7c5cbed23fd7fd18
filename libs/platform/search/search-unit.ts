import type { SearchKind } from '@atrium/contracts';
import type { JsonObject } from '@atrium/platform/events';

/** One searchable piece of text: a message, or a chunk of a document. */
export interface SearchUnit {
  /** A UUID, the unit's own for ever: a second `put` replaces it. */
  id: string;
  kind: SearchKind;
  /** The message or document that is found. */
  subjectId: string;
  /** Its place among the units of the subject, from 0. */
  ordinal: number;
  title: string;
  body: string;
  /** Opaque keys (`org`, `user:<id>`, `channel:<id>`), of which a reader needs one. Not empty. */
  grants: string[];
  /** DocumentSource or MessageSource of the contracts. */
  source: JsonObject;
}
