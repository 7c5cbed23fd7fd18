import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { type Embedder, EmbeddingFailure, type EmbeddingPurpose, type EmbeddingSpace, unitVector } from './embedder.js';

/** Longer texts are cut before they become tokens. Characters. */
const MAX_CHARS = 8_000;
/** When the model does not say how many it takes, and the most that are given to it. */
const MAX_TOKENS = 512;
/** Texts of one run of the model. */
const RUN = 16;

/** The folder of a model cannot be used; the message says why, and what to do. */
export class EmbedderFolderBroken extends Error {}

/** What is used of onnxruntime-node and @huggingface/tokenizers: they are installed by those who use a folder. */
interface Runtime {
  InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> };
  Tensor: new (type: 'int64', data: BigInt64Array, shape: number[]) => unknown;
}
interface Session {
  inputNames: readonly string[];
  outputNames: readonly string[];
  run(feeds: Record<string, unknown>): Promise<Record<string, { data: unknown; dims: readonly number[] }>>;
  release(): Promise<void>;
}
interface Tokenizer {
  encode(text: string): { ids: number[] };
}
type TokenizerKind = new (tokenizer: object, config: object) => Tokenizer;

/**
 * Vectors of a sentence model in a folder, as Hugging Face lays it out: `model.onnx` (or `onnx/model.onnx`), `tokenizer.json`,
 * `tokenizer_config.json`, and, where they are there, `1_Pooling/config.json` (mean or first token) and the prompts of
 * `config_sentence_transformers.json`. Everything is read when it is opened. The model runs outside of the event loop.
 */
export class OnnxEmbedder implements Embedder {
  readonly weight = 0.5;
  readonly nearEnough = 0.5;

  private constructor(
    private readonly known: EmbeddingSpace,
    private readonly model: SentenceModel,
  ) {}

  /** @throws EmbedderFolderBroken when the packages, a file or the model are not as they must be. */
  static async open(path: string): Promise<OnnxEmbedder> {
    const folder = resolve(path);
    const [runtime, { Tokenizer }] = (await Promise.all([installed('onnxruntime-node'), installed('@huggingface/tokenizers')])) as [
      Runtime,
      { Tokenizer: TokenizerKind },
    ];
    const weights = (await found(folder, 'model.onnx')) ?? (await found(folder, 'onnx/model.onnx'));
    if (!weights) throw broken(folder, 'it has neither model.onnx nor onnx/model.onnx');
    const tokens = await settingsOf(folder, 'tokenizer.json');
    if (!tokens) throw broken(folder, 'it has no tokenizer.json');
    const config = (await settingsOf(folder, 'tokenizer_config.json')) ?? {};
    const pooling = (await settingsOf(folder, '1_Pooling/config.json')) ?? {};
    const { prompts = {} } = ((await settingsOf(folder, 'config_sentence_transformers.json')) ?? {}) as {
      prompts?: Record<string, string>;
    };
    try {
      const session = await runtime.InferenceSession.create(weights, { intraOpNumThreads: Math.ceil(availableParallelism() / 2) });
      const model = new SentenceModel(session, runtime.Tensor, new Tokenizer(tokens, config), {
        maxTokens: Math.min(Number(config['model_max_length'] ?? MAX_TOKENS), MAX_TOKENS),
        firstToken: pooling['pooling_mode_cls_token'] === true,
        prompts: { query: prompts['query'] ?? '', passage: prompts['passage'] ?? prompts['document'] ?? '' },
      });
      const [vector] = await model.embed(['Is it well?'], 'query');
      const version = createHash('sha256')
        .update(weights)
        .update(JSON.stringify([tokens, pooling, prompts]))
        .digest('hex')
        .slice(0, 8);
      return new OnnxEmbedder({ provider: 'onnx', model: `${basename(folder)}@${version}`, dimensions: vector?.length ?? 0 }, model);
    } catch (error) {
      throw broken(folder, `its model does not run (${error instanceof Error ? error.message.slice(0, 300) : 'unknown'})`);
    }
  }

  space(): Promise<EmbeddingSpace> {
    return Promise.resolve(this.known);
  }

  async embed(texts: readonly string[], purpose: EmbeddingPurpose, signal?: AbortSignal): Promise<Float32Array[]> {
    const vectors: Float32Array[] = [];
    for (let at = 0; at < texts.length; at += RUN) {
      if (signal?.aborted) throw new EmbeddingFailure('cancelled', 'endpoint');
      try {
        vectors.push(...(await this.model.embed(texts.slice(at, at + RUN), purpose)));
      } catch (error) {
        throw error instanceof EmbeddingFailure ? error : new EmbeddingFailure('model_failed', 'answer');
      }
    }
    return vectors.map((vector) => unitVector(vector, this.known.dimensions));
  }

  close(): Promise<void> {
    return this.model.close();
  }
}

interface ModelHabits {
  maxTokens: number;
  /** The vector of the first token stands for the text; otherwise the mean of all. */
  firstToken: boolean;
  prompts: Record<EmbeddingPurpose, string>;
}

/** Runs one after the other: the model uses the cores that it has within a run. */
class SentenceModel {
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly session: Session,
    private readonly tensor: Runtime['Tensor'],
    private readonly tokenizer: Tokenizer,
    private readonly habits: ModelHabits,
  ) {}

  embed(texts: readonly string[], purpose: EmbeddingPurpose): Promise<Float32Array[]> {
    const run = this.last.then(() => this.run(texts, purpose));
    this.last = run.catch(() => undefined);
    return run;
  }

  async close(): Promise<void> {
    await this.last;
    this.last = Promise.reject(new EmbeddingFailure('cancelled', 'endpoint'));
    this.last.catch(() => undefined);
    await this.session.release();
  }

  private async run(texts: readonly string[], purpose: EmbeddingPurpose): Promise<Float32Array[]> {
    const { maxTokens, firstToken, prompts } = this.habits;
    const rows = texts.map((text) => this.tokenizer.encode(prompts[purpose] + text.slice(0, MAX_CHARS)).ids.slice(0, maxTokens));
    const width = Math.max(1, ...rows.map((row) => row.length));
    const column = (value: (row: number[], at: number) => number) =>
      new this.tensor(
        'int64',
        BigInt64Array.from(rows.flatMap((row) => Array.from({ length: width }, (_, at) => BigInt(value(row, at))))),
        [rows.length, width],
      );
    const inputs: Record<string, () => unknown> = {
      input_ids: () => column((row, at) => row[at] ?? 0),
      attention_mask: () => column((row, at) => (at < row.length ? 1 : 0)),
      token_type_ids: () => column(() => 0),
    };
    const feeds = Object.fromEntries(this.session.inputNames.map((name) => [name, inputs[name]?.()]));
    const answer = await this.session.run(feeds);
    const { data, dims } = answer['last_hidden_state'] ?? answer[this.session.outputNames[0] ?? ''] ?? { data: null, dims: [] };
    const [count, length, size = 0] = dims;
    if (!(data instanceof Float32Array) || dims.length !== 3 || count !== rows.length || length !== width)
      throw new EmbeddingFailure('wrong_shape', 'answer');
    return rows.map((row, place) => pooled(data, place * width * size, firstToken ? Math.min(1, row.length) : row.length, size));
  }
}

/** The mean of `tokens` vectors that stand from `from` on; zeros of none. */
function pooled(data: Float32Array, from: number, tokens: number, size: number): Float32Array {
  const sum = new Float32Array(size);
  for (let token = 0; token < tokens; token++) {
    for (let at = 0; at < size; at++) sum[at] = (sum[at] ?? 0) + (data[from + token * size + at] ?? 0) / tokens;
  }
  return sum;
}

const broken = (folder: string, why: string) =>
  new EmbedderFolderBroken(`EMBEDDINGS_FOLDER: ${folder} cannot be used: ${why}. Mend the folder, or unset EMBEDDINGS_FOLDER.`);

/** Loaded by name, so that those who use no folder need not have them: 290 MB. */
async function installed(name: string): Promise<unknown> {
  try {
    return await import(name);
  } catch (error) {
    throw new EmbedderFolderBroken(
      `EMBEDDINGS_FOLDER needs the package ${name}, which cannot be loaded (${(error as NodeJS.ErrnoException).code ?? 'unknown'}). ` +
        'Run: npm install --no-save --ignore-scripts onnxruntime-node@1.30 @huggingface/tokenizers@0.2',
    );
  }
}

async function found(folder: string, name: string): Promise<Buffer | null> {
  try {
    return await readFile(join(folder, name));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw broken(folder, `${name} cannot be read (${code ?? 'unknown'})`);
  }
}

async function settingsOf(folder: string, name: string): Promise<Record<string, unknown> | null> {
  const file = await found(folder, name);
  if (!file) return null;
  try {
    return JSON.parse(file.toString()) as Record<string, unknown>;
  } catch {
    throw broken(folder, `${name} is no JSON`);
  }
}
