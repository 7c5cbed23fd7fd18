import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { extractText, extractWithin } from '../../../libs/features/documents/extraction/extract-text.js';
import { BOMBS, LONG_TEXTS, plant, READABLE } from './bombs.js';
import { childrenOf, MEBIBYTE, peakOf } from './processes.js';

const WALL_SECONDS = 30;
/** Slow machines get threefold time for everything but the kill itself. */
const SLACK = 3;

const collectGarbage = () => {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
};

let folder: string;
let planted: Map<string, Awaited<ReturnType<typeof plant>>>;
let ownBefore: number;
let ownPeak = 0;
let childPeak = 0;
let sampler: NodeJS.Timeout;
const report: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'atrium-bombs-'));
  planted = new Map();
  for (const bomb of [...BOMBS, ...LONG_TEXTS]) {
    planted.set(bomb.fileName, await plant(bomb, folder));
    collectGarbage();
  }
  ownBefore = process.memoryUsage.rss();
  sampler = setInterval(() => {
    ownPeak = Math.max(ownPeak, process.memoryUsage.rss());
    void childrenOf(process.pid).then(async (pids) => {
      for (const pid of pids) childPeak = Math.max(childPeak, await peakOf(pid));
    });
  }, 25);
}, 300_000);

afterAll(async () => {
  clearInterval(sampler);
  await rm(folder, { recursive: true, force: true });
  process.stdout.write(`${report.join('\n')}\nthis process grew by ${Math.round((ownPeak - ownBefore) / MEBIBYTE)} MiB at most\n`);
});

describe('bombs', () => {
  it.each([...BOMBS, ...LONG_TEXTS])(
    '$fileName ends well',
    async ({ fileName, endings }) => {
      const input = planted.get(fileName);
      if (input === undefined) throw new Error('not planted');
      childPeak = 0;
      const startedAt = performance.now();
      const ending = await extractText(input).then(
        ({ text }) => {
          expect(text).not.toMatch(/root:x:0/);
          return 'ready';
        },
        (error: { name: string; code: string; message: string }) => {
          if (error.name !== 'ExtractionFailed') throw error;
          expect(error.message).toMatch(READABLE);
          return error.code;
        },
      );
      const seconds = (performance.now() - startedAt) / 1000;
      report.push(
        `${fileName.padEnd(30)} ${ending.padEnd(12)} ${seconds.toFixed(1).padStart(5)} s ${Math.round(childPeak / MEBIBYTE)} MiB`,
      );

      expect(endings).toContain(ending);
      expect(seconds).toBeLessThan(WALL_SECONDS + SLACK);
      expect(childPeak).toBeLessThan(600 * MEBIBYTE);
      expect(await childrenOf(process.pid)).toEqual([]);
    },
    WALL_SECONDS * 1000 * SLACK,
  );

  it.each(['flate-bomb.pdf', 'form-fan.pdf', 'many-paragraphs.docx', 'five-million-siblings.html'])(
    '%s ends well where only the heap cap, the watchdog and the clock work',
    async (fileName) => {
      const input = planted.get(fileName);
      if (input === undefined) throw new Error('not planted');
      const walls = { namespaces: false, prlimit: false, setpriv: false, withoutCapabilities: false };

      const startedAt = performance.now();
      await expect(extractWithin(walls, input, { maxSeconds: 10 })).rejects.toMatchObject({ name: 'ExtractionFailed' });

      expect(performance.now() - startedAt).toBeLessThan(13_000);
      expect(await childrenOf(process.pid)).toEqual([]);
    },
    WALL_SECONDS * 1000 * SLACK,
  );

  it('cost this process less than 50 MiB', () => {
    collectGarbage();
    expect(ownPeak - ownBefore).toBeLessThan(50 * MEBIBYTE);
  });
});
