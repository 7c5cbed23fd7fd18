import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Log } from '@atrium/platform/observability';
import { EmbeddingSpaces, type KnownSpace } from './embedding-spaces.js';
import { vectorText } from './vector-filler.js';

/** How long a search waits for the vector of its question; then it goes on by words. */
const PATIENCE_MS = 1_200;
const MAX_CACHED = 2_000;

/** A question as a point of the active space. */
export interface QueryVector {
  space: KnownSpace;
  /** How much its similarity says beside that of words. */
  weight: number;
  /** The cosine from which a text answers without any of its words. */
  nearEnough: number;
  /** As PostgreSQL reads it. */
  vector: string;
}

/** Embeds questions, and remembers the latest. */
@Injectable()
export class QueryVectors {
  private readonly cache = new LRUCache<string, { vector: string | null }>({ max: MAX_CACHED });

  constructor(
    private readonly spaces: EmbeddingSpaces,
    private readonly log: Log,
  ) {}

  /** `unavailable` when the embedder is not there, too slow or answers nonsense; null of a question in which it knows no word. */
  async of(query: string): Promise<QueryVector | null | 'unavailable'> {
    const current = this.spaces.active();
    if (!current?.embedder) return 'unavailable';
    const { active: space, embedder } = current;
    const key = `${space.id} ${query}`;
    let known = this.cache.get(key);
    if (!known) {
      try {
        const [vector] = await embedder.embed([query], 'query', AbortSignal.timeout(PATIENCE_MS));
        known = { vector: vector?.some((value) => value !== 0) ? vectorText(vector) : null };
        this.cache.set(key, known);
      } catch (error) {
        this.log.warn('a question could not be embedded; it is searched by words', { reason: error instanceof Error ? error.message : '' });
        return 'unavailable';
      }
    }
    return known.vector === null ? null : { space, weight: embedder.weight, nearEnough: embedder.nearEnough, vector: known.vector };
  }
}
