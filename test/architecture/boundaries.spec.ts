import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const root = join(__dirname, '../..');

interface Violation {
  rule: { name: string };
  from: string;
}

/** The violations that the boundaries lint finds in a small house of our own making. */
function violationsOf(files: Record<string, string>): string[] {
  const house = mkdtempSync(join(tmpdir(), 'atrium-house-'));
  try {
    for (const name of ['tsconfig.json', 'package.json', '.dependency-cruiser.cjs']) cpSync(join(root, name), join(house, name));
    symlinkSync(join(root, 'node_modules'), join(house, 'node_modules'));
    for (const [path, text] of Object.entries({
      'libs/contracts/index.ts': 'export const shape = 1;\n',
      'apps/api/src/main.ts': 'export const main = 1;\n',
      ...files,
    })) {
      mkdirSync(dirname(join(house, path)), { recursive: true });
      writeFileSync(join(house, path), text);
    }
    const folders = ['apps', 'libs', 'test'].filter((name) => existsSync(join(house, name)));
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [
        join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs'),
        ...folders,
        '--config',
        '.dependency-cruiser.cjs',
        '--output-type',
        'json',
      ],
      {
        cwd: house,
        encoding: 'utf8',
        maxBuffer: 2 ** 26,
      },
    );
    if (!stdout) throw new Error(stderr);
    return (JSON.parse(stdout) as { summary: { violations: Violation[] } }).summary.violations.map(
      ({ rule, from }) => `${rule.name} ${from}`,
    );
  } finally {
    rmSync(house, { recursive: true, force: true });
  }
}

/** A house in which every rule is broken once, each in a file of its own; and one file that follows the table. */
const BROKEN: Record<string, { text: string; violates: string | null }> = {
  'libs/features/chat/index.ts': { text: "export { name } from './channel.js';\n", violates: null },
  'libs/features/chat/channel.ts': { text: 'export const name = 1;\n', violates: null },
  'libs/features/agents/fine.ts': { text: "export { name } from '@atrium/features/chat';\n", violates: null },
  'libs/platform/db/upward.ts': { text: "export { name } from '@atrium/features/chat';\n", violates: 'room-platform-db' },
  'libs/features/documents/not-drawn.ts': { text: "export { name } from '@atrium/features/chat';\n", violates: 'room-features-documents' },
  'libs/features/agents/side-door.ts': { text: "export { name } from '../chat/channel.js';\n", violates: 'front-door' },
  'apps/api/src/side-door.ts': { text: "export { name } from '../../../libs/features/chat/channel.js';\n", violates: 'front-door-of-apps' },
  'libs/platform/attic/box.ts': { text: "export { shape } from '@atrium/contracts';\n", violates: 'no-unknown-room' },
  'libs/features/audit/round.ts': { text: "export { b as a } from './trip.js';\n", violates: 'no-circle' },
  'libs/features/audit/trip.ts': { text: "export { a as b } from './round.js';\n", violates: null },
  'libs/features/organizations/second-client.ts': { text: "import pg from 'pg';\nexport const pool = pg;\n", violates: 'one-prisma' },
  'libs/features/organizations/way-out.ts': { text: "export { fetch } from 'undici';\n", violates: 'one-way-out' },
  'libs/features/organizations/second-redis.ts': { text: "export { Redis } from 'ioredis';\n", violates: 'one-redis' },
  'libs/contracts/files.ts': { text: "export { readFileSync } from 'node:fs';\n", violates: 'contracts-run-anywhere' },
  'libs/features/chat/leans-on-tests.ts': { text: "export { help } from '../../../test/help.js';\n", violates: 'no-tests-in-the-product' },
  'test/help.ts': { text: 'export const help = 1;\n', violates: null },
};

describe('the boundaries lint', () => {
  const found = violationsOf(Object.fromEntries(Object.entries(BROKEN).map(([path, { text }]) => [path, text])));

  it.each(Object.entries(BROKEN).flatMap(([path, { violates }]) => (violates ? [[violates, path]] : [])))(
    'turns red: %s in %s',
    (rule, path) => {
      expect(found).toContain(`${rule} ${path}`);
    },
  );

  it('accepts what follows the table', () => {
    const fine = Object.entries(BROKEN).flatMap(([path, { violates }]) => (violates ? [] : [path]));
    expect(found.filter((violation) => fine.some((path) => violation.endsWith(` ${path}`)))).toEqual([]);
  });
});
