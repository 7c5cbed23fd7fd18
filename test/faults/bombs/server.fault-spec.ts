import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Channel, Document, Problem } from '@atrium/contracts';
import { eventually, newOrganization, type Person } from '../../lib/api.js';
import { dropClusters } from '../../lib/postgres.js';
import { finished } from '../../lib/recovery.js';
import { dropRedises, OwnRedis } from '../../lib/redis.js';
import { killServers, type Server } from '../../lib/server.js';
import { type Ground, newGround, pause, spread, tell } from '../ground.js';
import { type Bomb, BOMBS, type Ending, plant, READABLE } from './bombs.js';
import { LARGE_FILES } from './large-files.js';
import { childrenOf, MEBIBYTE, peakOf } from './processes.js';

/** Over the most that honest documents cost, large ones among them. */
const MOST_GROWTH_MIB = 50;
const SAMPLES = ['samples/northwind-handbook.pdf', 'samples/service-level-agreement.docx', 'samples/engineering-runbook.md'];
/** Rounds of ordinary work in which the server may not grow any more before it counts as warm, and how many there are at most. */
const CALM_ROUNDS = 4;
const MOST_ROUNDS = 40;
/** A small heap: V8 lets ordinary garbage lie for a hundred MiB otherwise, and what a file costs is not seen beside it. */
const SMALL_HEAP = { NODE_OPTIONS: '--max-old-space-size=192' };
/** How long a document may take that waits behind all others of its organization. */
const ALL_ENDED_MS = 600_000;
/** What a neighbour's document may take where only starvation is a fault: this is no measurement. */
const STARVED_MS = 90_000;

let folder: string;
let planted: Map<string, Awaited<ReturnType<typeof plant>>>;
let ground: Ground;
let server: Server;
let bomber: Person;
let neighbour: Neighbour;

/** Another organization, whose people work on. */
class Neighbour {
  readonly readyMs: number[] = [];
  private readonly work: Promise<void>;
  private isOver = false;

  private constructor(
    private readonly owner: Person,
    private readonly channel: Channel,
  ) {
    this.work = this.goOn();
    this.work.catch(() => undefined);
  }

  static async start(owner: Person): Promise<Neighbour> {
    return new Neighbour(owner, await owner.api.post<Channel>('/v1/channels', { name: 'work' }));
  }

  /** @throws what failed meanwhile. */
  async stop(): Promise<void> {
    this.isOver = true;
    await this.work;
  }

  private async goOn(): Promise<void> {
    const { api } = this.owner;
    const messages = `/v1/channels/${this.channel.id}/messages`;
    for (let round = 1; !this.isOver; round++) {
      const startedAt = performance.now();
      const { id } = await api.post<Document>('/v1/documents', { title: `Note ${round}`, text: `The note of round ${round}.` });
      await api.post(messages, { body: `round ${round}`, clientId: `round-${round}` });
      await api.get(messages);
      await api.get('/v1/search', { q: 'note' });
      const { status } = await finished(api, id, STARVED_MS);
      this.readyMs.push(performance.now() - startedAt);
      expect(status).toBe('ready');
      await pause(250);
    }
  }
}

const unplanted = (fileName: string): never => {
  throw new Error(`${fileName} was not planted`);
};

/** A document, or why the file was refused at once. */
type Sent = { id: string } | { ending: string; reason: string };

async function send(path: string, mediaType: string | null): Promise<Sent> {
  const form = new FormData();
  form.append('file', new Blob([await readFile(path)], { type: mediaType ?? '' }), basename(path));
  const { status, body } = await bomber.api.call<Document | Problem>('POST', '/v1/documents', { body: form });
  if (status < 300) return { id: (body as Document).id };
  const { code, detail } = body as Problem;
  return { ending: code.replace('documents.', ''), reason: detail };
}

async function endingOf(sent: Sent | undefined): Promise<{ ending: string; reason: string | null }> {
  if (sent === undefined) throw new Error('it was not sent');
  if (!('id' in sent)) return sent;
  const { failure } = await finished(bomber.api, sent.id, ALL_ENDED_MS);
  return { ending: failure?.code ?? 'ready', reason: failure?.message ?? null };
}

/** Ordinary documents, until their work takes the server no higher. */
async function warmUp(): Promise<void> {
  for (let round = 0, calm = 0, highest = 0; round < MOST_ROUNDS && calm < CALM_ROUNDS; round++) {
    const sent = await Promise.all(SAMPLES.map((path) => send(path, null)));
    for (const each of sent) expect((await endingOf(each)).ending).toBe('ready');
    const peak = await peakOf(server.pid);
    calm = peak < highest + MEBIBYTE ? calm + 1 : 0;
    highest = peak;
  }
}

/** Sends all files one after the other, waits until all have ended, and tells how many MiB higher the server's peak is now. */
async function growthBy(files: Bomb[]): Promise<number> {
  const childrenBefore = (await childrenOf(server.pid)).length;
  const before = await peakOf(server.pid);
  const quietMs = neighbour.readyMs.splice(0);

  const sent: Sent[] = [];
  for (const { fileName } of files) {
    const { path, claimedMediaType } = planted.get(fileName) ?? unplanted(fileName);
    sent.push(await send(path, claimedMediaType));
  }
  for (const [at, { fileName, endings }] of files.entries()) {
    const { ending, reason } = await endingOf(sent[at]);
    const isGood = endings.includes(ending as Ending) && (reason === null || READABLE.test(reason));
    expect({ fileName, ending, reason, isGood }).toEqual({ fileName, ending, reason, isGood: true });
  }

  const growth = Math.round(((await peakOf(server.pid)) - before) / MEBIBYTE);
  await eventually('no child is left', async () => (await childrenOf(server.pid)).length === childrenBefore);
  tell(`${files.length} files took the server ${growth} MiB over the ${Math.round(before / MEBIBYTE)} MiB of those before`);
  tell(`a neighbour’s rounds: ${spread(quietMs)} before; ${spread(neighbour.readyMs)} meanwhile`);
  expect(neighbour.readyMs.length).toBeGreaterThan(0);
  return growth;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'atrium-bombs-'));
  // Before anybody works: making them keeps this process, and with it the neighbour, busy.
  planted = new Map();
  for (const file of [...LARGE_FILES, ...BOMBS]) planted.set(file.fileName, await plant(file, folder));
  const redis = process.env['REDIS_URL'] ? await OwnRedis.start() : null;
  ground = await newGround(process.env['DATABASE_URL'] ? 'servers' : 'embedded', {
    ...SMALL_HEAP,
    ...(redis ? { REDIS_URL: redis.url } : {}),
  });
  server = await ground.serve();
  bomber = await newOrganization('Bombers', ground.baseUrl);
  neighbour = await Neighbour.start(await newOrganization('Neighbours', ground.baseUrl));
  await warmUp();
}, 480_000);

afterAll(async () => {
  await killServers();
  await dropRedises();
  await dropClusters();
  await ground.remove();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

describe('a server', () => {
  it('takes large files', () => growthBy(LARGE_FILES), ALL_ENDED_MS);

  it(
    'says what became of each bomb, grows by less than 50 MiB more, and keeps no child',
    async () => {
      expect(await growthBy(BOMBS)).toBeLessThan(MOST_GROWTH_MIB);
    },
    ALL_ENDED_MS,
  );

  it('meanwhile serves another organization', async () => {
    await neighbour.stop();
    expect(server.complaints).toEqual([]);
  });
});
