import type { Embedder, EmbeddingSpace } from './embedder.js';
import { GloveEmbedder } from './glove.embedder.js';

/** The embedders of this installation: the one that was chosen, and the built-in one, which every installation can go back to. */
export class Embeddings {
  readonly chosen: Embedder;
  private readonly all: Embedder[];

  /** Null, the default: the built-in embedder. */
  constructor(chosen: Embedder | null = null) {
    const builtIn = new GloveEmbedder();
    this.chosen = chosen ?? builtIn;
    this.all = chosen ? [chosen, builtIn] : [builtIn];
  }

  /** Null when the embedder of that space is not set up any more. @throws EmbeddingFailure when that cannot be found out now */
  async of(space: EmbeddingSpace): Promise<Embedder | null> {
    for (const embedder of [...this.all].reverse()) {
      const own = await embedder.space();
      if (own.provider === space.provider && own.model === space.model && own.dimensions === space.dimensions) return embedder;
    }
    return null;
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map((embedder) => embedder.close()));
  }
}
