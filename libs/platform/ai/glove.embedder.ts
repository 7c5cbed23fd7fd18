import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Embedder, type EmbeddingSpace, unitVector } from './embedder.js';

const SPACE: EmbeddingSpace = { provider: 'built-in', model: 'glove-100d', dimensions: 100 };
/** Longer texts are cut: an average of so many words says nothing. Characters. */
const MAX_CHARS = 8_000;
/** How many texts are embedded before others get their turn; some 0.1 ms each. */
const TEXTS_A_TURN = 16;
const HEADER_BYTES = 12;
const WORDS = /[\p{L}\p{N}]+/gu;

/** The built-in embedder: averages of GloVe word vectors. Basic, and English: it knows which words are alike, not what a sentence says. */
export class GloveEmbedder implements Embedder {
  readonly weight = 0.3;
  readonly nearEnough = 0.65;
  private words: Promise<GloveWords> | undefined;

  space(): Promise<EmbeddingSpace> {
    return Promise.resolve(SPACE);
  }

  async embed(texts: readonly string[]): Promise<Float32Array[]> {
    const words = await (this.words ??= readFile(assetPath()).then((file) => new GloveWords(file)));
    const vectors: Float32Array[] = [];
    for (const text of texts) {
      if (vectors.length % TEXTS_A_TURN === TEXTS_A_TURN - 1) await new Promise(setImmediate);
      vectors.push(words.average(text));
    }
    return vectors;
  }

  async close(): Promise<void> {
    // It holds nothing open.
  }
}

/** The file that scripts/make-glove.mjs makes, read in place. */
class GloveWords {
  private readonly count: number;
  private readonly text: Buffer;
  private readonly offsets: Uint32Array;
  private readonly scales: Float32Array;
  private readonly vectors: Int8Array;

  constructor(file: Buffer) {
    if (file.toString('latin1', 0, 4) !== 'GLV1' || file.readUInt32LE(8) !== SPACE.dimensions) throw new Error('no file of word vectors');
    this.count = file.readUInt32LE(4);
    const { buffer, byteOffset } = file;
    this.offsets = new Uint32Array(buffer, byteOffset + HEADER_BYTES, this.count + 1);
    const textAt = HEADER_BYTES + 4 * (this.count + 1);
    const textBytes = this.offsets[this.count] ?? 0;
    this.text = file.subarray(textAt, textAt + textBytes);
    const scalesAt = textAt + Math.ceil(textBytes / 4) * 4;
    this.scales = new Float32Array(buffer, byteOffset + scalesAt, this.count);
    this.vectors = new Int8Array(buffer, byteOffset + scalesAt + 4 * this.count, this.count * SPACE.dimensions);
  }

  average(text: string): Float32Array {
    const sum = new Float64Array(SPACE.dimensions);
    for (const [word] of text.slice(0, MAX_CHARS).normalize('NFKC').toLowerCase().matchAll(WORDS)) {
      const place = this.find(Buffer.from(word));
      if (place === -1) continue;
      const scale = this.scales[place] ?? 0;
      for (let at = 0; at < SPACE.dimensions; at++) sum[at] = (sum[at] ?? 0) + scale * (this.vectors[place * SPACE.dimensions + at] ?? 0);
    }
    return unitVector(sum, SPACE.dimensions);
  }

  private find(word: Buffer): number {
    let low = 0;
    let high = this.count - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const order = this.text.compare(word, 0, word.length, this.offsets[middle], this.offsets[middle + 1]);
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }
}

/** `assets/` of the package: the sources and dist/ lie at different depths below it. */
function assetPath(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return join(folder, 'assets', 'glove-100d.bin');
    if (dirname(folder) === folder) throw new Error('the folder of the package was not found');
  }
}
