import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const WORDS = ['[UNK]', 'doctor', 'physician', 'invoice', 'rain'];
/** One vector a word: a doctor and a physician are alike. */
const VECTORS = [
  [0, 0, 0, 0],
  [1, 0.1, 0, 0],
  [1, -0.1, 0, 0],
  [0, 0, 1, 0],
  [0, 0, 0, 1],
];

/** A folder with a sentence model of five words and four dimensions, as Hugging Face lays one out. */
export function sentenceModelFolder(): { folder: string; write(name: string, content: string | Uint8Array): void; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'atrium-model-'));
  const write = (name: string, content: string | Uint8Array) => writeFileSync(join(folder, name), content);
  write('model.onnx', gatherModel());
  write('tokenizer_config.json', JSON.stringify({ model_max_length: 16 }));
  write(
    'tokenizer.json',
    JSON.stringify({
      version: '1.0',
      added_tokens: [],
      normalizer: { type: 'Lowercase' },
      pre_tokenizer: { type: 'Whitespace' },
      post_processor: null,
      decoder: null,
      model: { type: 'WordLevel', vocab: Object.fromEntries(WORDS.map((word, at) => [word, at])), unk_token: '[UNK]' },
    }),
  );
  return { folder, write, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A field of protobuf: a number, or bytes. */
function field(id: number, value: number | string | Uint8Array): Buffer {
  if (typeof value === 'number') return Buffer.from([...varint(id * 8), ...varint(value)]);
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([...varint(id * 8 + 2), ...varint(bytes.length)]), bytes]);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}

const message = (...fields: Buffer[]) => Buffer.concat(fields);

/** ONNX: last_hidden_state = Gather(words, input_ids). */
function gatherModel(): Buffer {
  const floats = Buffer.from(Float32Array.from(VECTORS.flat()).buffer);
  const words = message(field(1, VECTORS.length), field(1, 4), field(2, 1), field(8, 'words'), field(9, floats));
  const gather = message(field(1, 'words'), field(1, 'input_ids'), field(2, 'last_hidden_state'), field(4, 'Gather'));
  const size = (name: string | number) => field(1, typeof name === 'string' ? field(2, name) : field(1, name));
  const value = (name: string, type: number, ...shape: (string | number)[]) =>
    message(field(1, name), field(2, field(1, message(field(1, type), field(2, message(...shape.map(size)))))));
  const graph = message(
    field(1, gather),
    field(2, 'sentences'),
    field(5, words),
    field(11, value('input_ids', 7, 'texts', 'tokens')),
    field(12, value('last_hidden_state', 1, 'texts', 'tokens', 4)),
  );
  return message(field(1, 8), field(7, graph), field(8, message(field(1, ''), field(2, 17))));
}
