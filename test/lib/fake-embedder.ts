import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the fake does with one request. */
export type EmbedderBehaviour =
  | { kind: 'status'; status: number }
  /** Answers after `ms`. */
  | { kind: 'slow'; ms: number }
  | { kind: 'dimensions'; dimensions: number }
  | { kind: 'notNumbers' }
  | { kind: 'tooFew' }
  | { kind: 'huge' }
  | { kind: 'cut' }
  | { kind: 'noJson' };

export interface FakeEmbedder {
  /** Of OpenAI's protocol. */
  baseUrl: string;
  /** Of Ollama's own. */
  ollamaUrl: string;
  /** The texts of every request so far. */
  requests: string[][];
  /** Behaviours of the next requests, one each; afterwards it answers well. */
  script(...behaviours: EmbedderBehaviour[]): void;
  /** Fails at every request that holds this text, whatever else is in it. */
  poison(text: string, status: number): void;
  stop(): Promise<void>;
}

/** An endpoint of embeddings over a real port, with the doors of Ollama (`/v1/embeddings` and `/api/embed`): each text becomes counts of its letters, so texts of the same letters are alike. */
export async function startFakeEmbedder(dimensions = 32): Promise<FakeEmbedder> {
  const requests: string[][] = [];
  const planned: EmbedderBehaviour[] = [];
  const poisons = new Map<string, number>();
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const envelope = ENVELOPES[request.url ?? ''];
      if (request.method !== 'POST' || !envelope) {
        response.writeHead(404).end('{"error": "not found"}');
        return;
      }
      const { input } = JSON.parse(Buffer.concat(parts).toString()) as { input: string[] };
      requests.push(input);
      const status = input.map((text) => poisons.get(text)).find((known) => known !== undefined);
      answer(response, envelope, input, status === undefined ? planned.shift() : { kind: 'status', status });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  function answer(response: ServerResponse, envelope: Envelope, input: string[], behaviour: EmbedderBehaviour | undefined): void {
    const send = (size = dimensions, texts = input, of = vectorOf) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(envelope(texts.map((text) => of(text, size)))));
    if (!behaviour) send();
    else if (behaviour.kind === 'status') response.writeHead(behaviour.status).end('{}');
    else if (behaviour.kind === 'slow') setTimeout(() => send(), behaviour.ms);
    else if (behaviour.kind === 'dimensions') send(behaviour.dimensions);
    else if (behaviour.kind === 'notNumbers') send(dimensions, input, (_text, size) => Array<number>(size).fill(NaN));
    else if (behaviour.kind === 'tooFew') send(dimensions, input.slice(1));
    else if (behaviour.kind === 'huge') response.writeHead(200).end(' '.repeat(20 * 1024 * 1024));
    else if (behaviour.kind === 'noJson') response.writeHead(200).end('<html>');
    else {
      response.writeHead(200, { 'content-length': '1000' }).write('{"embeddings": [');
      setTimeout(() => response.destroy(), 20);
    }
  }

  const ollamaUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    baseUrl: `${ollamaUrl}/v1`,
    ollamaUrl,
    requests,
    script: (...behaviours) => void planned.push(...behaviours),
    poison: (text, status) => void poisons.set(text, status),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

type Envelope = (vectors: number[][]) => object;
const ENVELOPES: Record<string, Envelope> = {
  '/v1/embeddings': (vectors) => ({
    object: 'list',
    model: 'letters',
    data: vectors.map((embedding, index) => ({ object: 'embedding', index, embedding })),
  }),
  '/api/embed': (embeddings) => ({
    model: 'letters',
    embeddings,
    total_duration: 14_143_917,
    load_duration: 1_019_500,
    prompt_eval_count: 8,
  }),
};

function vectorOf(text: string, dimensions: number): number[] {
  const vector = Array<number>(dimensions).fill(0.01);
  for (const letter of text.toLowerCase()) {
    const at = letter.charCodeAt(0) % dimensions;
    vector[at] = (vector[at] ?? 0) + 1;
  }
  return vector;
}
