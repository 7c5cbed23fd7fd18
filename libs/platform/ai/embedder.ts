/** Vectors can be compared only within one space. */
export interface EmbeddingSpace {
  /** `built-in`, `onnx`, or the host of an endpoint. */
  provider: string;
  model: string;
  dimensions: number;
}

/** What a text is for: some models want to be told. */
export type EmbeddingPurpose = 'query' | 'passage';

/** Turns texts into vectors of length 1. */
export interface Embedder {
  /** How much its similarity says beside that of words: 0.2 to 0.35 of a weak one, 0.5 of a strong one. */
  readonly weight: number;
  /** The cosine from which a text answers a question of which it holds no word. */
  readonly nearEnough: number;
  /** Asks an endpoint for the dimensions the first time. @throws EmbeddingFailure */
  space(): Promise<EmbeddingSpace>;
  /**
   * One vector per text, in order; all zeros of a text in which it knows no word. At most 128 texts.
   * @throws EmbeddingFailure also when an answer has the wrong size or is no number.
   */
  embed(texts: readonly string[], purpose: EmbeddingPurpose, signal?: AbortSignal): Promise<Float32Array[]>;
  close(): Promise<void>;
}

/**
 * Whose fault a failure is. `texts`: they were understood and refused, trying again changes nothing. `answer`: it failed at these texts or is
 * nonsense; another text may show which. `endpoint`: it is not there, busy, or refuses us whatever we ask.
 */
export type EmbeddingFault = 'texts' | 'answer' | 'endpoint';

/** Vectors could not be had; the reason is a short word without any text of the endpoint's. */
export class EmbeddingFailure extends Error {
  constructor(
    readonly reason: string,
    readonly fault: EmbeddingFault,
    readonly retryAfterSeconds?: number,
  ) {
    super(`no embedding: ${reason}`);
    this.name = 'EmbeddingFailure';
  }
}

/** @throws EmbeddingFailure of a vector of the wrong size, or with a value that is no number. */
export function unitVector(values: ArrayLike<number>, dimensions: number): Float32Array {
  if (values.length !== dimensions) throw new EmbeddingFailure('wrong_dimensions', 'answer');
  let square = 0;
  for (let at = 0; at < dimensions; at++) square += (values[at] ?? 0) ** 2;
  if (!Number.isFinite(square)) throw new EmbeddingFailure('not_a_number', 'answer');
  const norm = Math.sqrt(square);
  return Float32Array.from({ length: dimensions }, (_, at) => (norm === 0 ? 0 : (values[at] ?? 0) / norm));
}
