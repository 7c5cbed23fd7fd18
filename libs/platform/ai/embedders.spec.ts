import { inspect } from 'node:util';
import { Secret } from '@atrium/platform/config';
import { type EmbedderBehaviour, type FakeEmbedder, startFakeEmbedder } from '../../../test/lib/fake-embedder.js';
import { Embeddings } from './embeddings.js';
import { EndpointEmbedder } from './endpoint.embedder.js';
import { GloveEmbedder } from './glove.embedder.js';

const cosine = (a: Float32Array = new Float32Array(), b: Float32Array = a) => a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);

describe('the built-in embedder', () => {
  it('puts texts of alike words near, whatever their case, and knows nothing of no words', async () => {
    const [doctor, physician, invoice, shouted, none] = await new GloveEmbedder().embed([
      'the doctor examined a patient',
      'a physician treated the sick child',
      'invoices are due in thirty days',
      'THE DOCTOR EXAMINED A PATIENT!',
      '?! — xqzzt',
    ]);

    expect(cosine(doctor, physician)).toBeGreaterThan(cosine(doctor, invoice) + 0.2);
    expect(cosine(doctor, shouted)).toBeCloseTo(1, 5);
    expect(cosine(doctor, doctor)).toBeCloseTo(1, 5);
    expect(none?.every((value) => value === 0)).toBe(true);
  });
});

describe.each(['openai', 'ollama'] as const)('an endpoint that speaks as %s', (protocol) => {
  let fake: FakeEmbedder;
  let embedder: EndpointEmbedder;
  beforeEach(async () => {
    fake = await startFakeEmbedder();
    const baseUrl = protocol === 'ollama' ? fake.ollamaUrl : fake.baseUrl;
    embedder = new EndpointEmbedder({ baseUrl, protocol, apiKey: new Secret('the-key-of-the-endpoint'), model: 'letters' });
  });
  afterEach(async () => {
    await embedder.close();
    await fake.stop();
  });

  it('tells its space, and answers vectors of length 1 in order', async () => {
    const [one, two, again] = await embedder.embed(['aaa', 'bbb', 'aaa'], 'passage');

    expect(await embedder.space()).toEqual({ provider: new URL(fake.baseUrl).host, model: 'letters', dimensions: 32 });
    expect(cosine(one, again)).toBeCloseTo(1, 5);
    expect(cosine(one, two)).toBeLessThan(0.2);
  });

  it.each<[EmbedderBehaviour, string, string]>([
    [{ kind: 'status', status: 400 }, 'status_400', 'texts'],
    [{ kind: 'status', status: 401 }, 'status_401', 'endpoint'],
    [{ kind: 'status', status: 404 }, 'status_404', 'endpoint'],
    [{ kind: 'status', status: 500 }, 'status_500', 'answer'],
    [{ kind: 'status', status: 429 }, 'status_429', 'endpoint'],
    [{ kind: 'dimensions', dimensions: 31 }, 'wrong_dimensions', 'answer'],
    [{ kind: 'notNumbers' }, 'not_a_number', 'answer'],
    [{ kind: 'tooFew' }, 'wrong_count', 'answer'],
    [{ kind: 'huge' }, 'answer_too_large', 'answer'],
    [{ kind: 'noJson' }, 'no_json', 'answer'],
  ])('says what is wrong with a question’s answer, and whose fault it is: %j', async (behaviour, reason, fault) => {
    await embedder.space();
    fake.script(behaviour);

    await expect(embedder.embed(['hello'], 'query')).rejects.toMatchObject({ name: 'EmbeddingFailure', reason, fault });
    expect(fake.requests).toHaveLength(2);
  });

  it('says that nobody is there', async () => {
    await fake.stop();

    await expect(embedder.space()).rejects.toMatchObject({ reason: 'ECONNREFUSED', fault: 'endpoint' });
  });

  it('tries passages again, but not what was refused', async () => {
    await embedder.space();
    fake.script({ kind: 'status', status: 503 }, { kind: 'cut' });
    expect(await embedder.embed(['hello'], 'passage')).toHaveLength(1);

    fake.script({ kind: 'status', status: 400 });
    await expect(embedder.embed(['hello'], 'passage')).rejects.toMatchObject({ reason: 'status_400', fault: 'texts' });
    expect(fake.requests).toHaveLength(5);
  });

  it('stops at the caller’s signal', async () => {
    await embedder.space();
    fake.script({ kind: 'slow', ms: 5_000 });

    await expect(embedder.embed(['hello'], 'query', AbortSignal.timeout(50))).rejects.toMatchObject({ reason: 'cancelled' });
  });

  it('asks no more after five failures in a row, and shows its key to nobody', async () => {
    await embedder.space();
    const errors: unknown[] = [];
    fake.script(...Array.from({ length: 5 }, () => ({ kind: 'status', status: 500 }) as const));
    for (let n = 0; n < 6; n++) await embedder.embed(['hello'], 'query').catch((error: unknown) => errors.push(error));

    expect(errors.at(-1)).toMatchObject({ reason: 'circuit_open' });
    expect(fake.requests).toHaveLength(6);
    expect(inspect(errors, { depth: 10 })).not.toContain('the-key-of-the-endpoint');
  });
});

it('knows whose a space is', async () => {
  const fake = await startFakeEmbedder();
  const embeddings = new Embeddings(new EndpointEmbedder({ baseUrl: fake.baseUrl, apiKey: null, model: 'letters' }));
  const own = await embeddings.chosen.space();

  expect(await embeddings.of(own)).toBe(embeddings.chosen);
  expect(await embeddings.of({ provider: 'built-in', model: 'glove-100d', dimensions: 100 })).toBeInstanceOf(GloveEmbedder);
  expect(await embeddings.of({ ...own, model: 'another' })).toBeNull();
  await embeddings.close();
  await fake.stop();
});
