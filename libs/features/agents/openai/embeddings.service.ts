import { Injectable } from '@nestjs/common';
import type { EmbeddingList, EmbeddingsRequest, OpenAiModelList } from '@atrium/contracts';
import { EmbeddingFailure, Embeddings, estimatedTokens } from '@atrium/platform/ai';
import { NotFound, Unavailable } from '@atrium/platform/errors';

const PATIENCE_MS = 30_000;

/** The embedder of this server as a model of the OpenAI protocol. */
@Injectable()
export class EmbeddingsService {
  constructor(private readonly embeddings: Embeddings) {}

  /** Empty while the embedder cannot say what it is. */
  async models(): Promise<OpenAiModelList['data']> {
    const space = await this.embeddings.chosen.space().catch(() => null);
    return space ? [{ id: space.model, object: 'model', created: 0, owned_by: space.provider }] : [];
  }

  /** @throws NotFound `agents.not_found` of another model, Unavailable `ai.unavailable` */
  async embed({ model, input, encoding_format }: EmbeddingsRequest): Promise<EmbeddingList> {
    try {
      const space = await this.embeddings.chosen.space();
      if (model !== space.model) throw new NotFound('agents.not_found', `The only model for embeddings here is ${space.model}.`);
      const vectors = await this.embeddings.chosen.embed(input, 'passage', AbortSignal.timeout(PATIENCE_MS));
      const tokens = estimatedTokens(input.join(''));
      return {
        object: 'list',
        model,
        data: vectors.map((vector, index) => ({ object: 'embedding', index, embedding: encoded(vector, encoding_format) })),
        usage: { prompt_tokens: tokens, total_tokens: tokens },
      };
    } catch (error) {
      if (!(error instanceof EmbeddingFailure)) throw error;
      throw new Unavailable('ai.unavailable', 'The model for embeddings does not answer. Try again in a moment.');
    }
  }
}

function encoded(vector: Float32Array, format: EmbeddingsRequest['encoding_format']): number[] | string {
  return format === 'float' ? [...vector] : Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
}
