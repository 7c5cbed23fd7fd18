import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { DataFolderDamaged, DataFolderInUse, startEmbedded, type EmbeddedDatabase } from './embedded.js';

const LOGINS = { postgres: 'owner-secret' };
const root = mkdtempSync(join(tmpdir(), 'atrium-embedded-'));
const good = join(root, 'good');
const running = new Set<EmbeddedDatabase>();

async function start(dataDir: string, onExit?: (code: number | null) => void): Promise<EmbeddedDatabase> {
  const database = await startEmbedded(dataDir, LOGINS, onExit ? { onExit } : {});
  running.add(database);
  return database;
}
async function stop(database: EmbeddedDatabase): Promise<void> {
  running.delete(database);
  await database.stop();
}
async function connected(database: EmbeddedDatabase): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url('postgres') });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
function fingerprint(folder: string): string {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  const hash = createHash('sha256');
  for (const file of files) {
    hash.update(file);
    if (statSync(join(folder, file)).isFile()) hash.update(readFileSync(join(folder, file)));
  }
  return hash.digest('hex');
}

beforeAll(async () => {
  const database = await start(good);
  const client = await connected(database);
  await client.query('CREATE TABLE notes (n int PRIMARY KEY, body text)');
  await client.end();
  await stop(database);
}, 60_000);
afterAll(async () => {
  await Promise.all([...running].map(stop));
  rmSync(root, { recursive: true, force: true });
});

it('keeps every acknowledged row when its process is killed while writing', async () => {
  const exits: (number | null)[] = [];
  const database = await start(good, (code) => exits.push(code));
  const acknowledged: number[] = [];
  const write = async (first: number) => {
    const client = await connected(database);
    for (let n = first; ; n += 4) {
      await client.query('INSERT INTO notes VALUES ($1, $2)', [n, 'x'.repeat(500)]);
      acknowledged.push(n);
    }
  };
  const writers = [0, 1, 2, 3].map((first) => write(first).catch(() => undefined));
  while (acknowledged.length < 300) await sleep(5);
  process.kill(database.pid, 'SIGKILL');
  await Promise.all(writers);
  await sleep(100);
  running.delete(database);
  expect(exits).toEqual([null]);

  const again = await start(good);
  const client = await connected(again);
  const { rows } = await client.query<{ n: number }>('SELECT n FROM notes');
  const found = new Set(rows.map(({ n }) => n));
  expect(acknowledged.filter((n) => !found.has(n))).toEqual([]);
  await client.end();
  await stop(again);
}, 60_000);

it('refuses a folder that a running server uses, and names it', async () => {
  const database = await start(good);
  const second = startEmbedded(good, LOGINS);
  await expect(second).rejects.toThrow(DataFolderInUse);
  await expect(second).rejects.toThrow(String(process.pid));
  await stop(database);
  expect(existsSync(`${good}.lock`)).toBe(false);
}, 60_000);

it('gives one of two simultaneous starts the folder', async () => {
  const folder = join(root, 'contested');
  cpSync(good, folder, { recursive: true });
  writeFileSync(`${folder}.lock`, JSON.stringify({ owner: { pid: 999_999, startedAt: '1' }, engine: { pid: 999_998, startedAt: '1' } }));
  const results = await Promise.allSettled([start(folder), start(folder), start(folder)]);
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const result of results) if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(DataFolderInUse);
  for (const result of results) if (result.status === 'fulfilled') await stop(result.value);
}, 60_000);

it('takes over the lock of a process whose id another process has now', async () => {
  writeFileSync(
    `${good}.lock`,
    JSON.stringify({ owner: { pid: process.pid, startedAt: '1' }, engine: { pid: process.pid, startedAt: '1' } }),
  );
  await stop(await start(good));
}, 60_000);

describe('a damaged folder is refused and left as it is', () => {
  const copy = (name: string): string => {
    const folder = join(root, name);
    cpSync(good, folder, { recursive: true });
    return folder;
  };
  const damages: [string, () => string][] = [
    [
      'no database in it',
      () => {
        const folder = join(root, 'documents');
        mkdirSync(folder);
        writeFileSync(join(folder, 'thesis.txt'), 'years of work');
        return folder;
      },
    ],
    ['PG_VERSION missing', () => remove(copy('a'), 'PG_VERSION')],
    ['another PostgreSQL version', () => overwrite(copy('b'), 'PG_VERSION', '15\n')],
    ['pg_control missing', () => remove(copy('c'), 'global/pg_control')],
    ['pg_control overwritten', () => overwrite(copy('d'), 'global/pg_control', 'x'.repeat(8192))],
    ['pg_control zeroed behind its head', () => blank(copy('e'), 'global/pg_control', 24)],
    ['pg_wal empty', () => remove(copy('f'), 'pg_wal')],
    ['every WAL file garbage', () => garbageWal(copy('g'))],
    ['the catalogue missing', () => remove(copy('h'), 'base')],
    ['the relation map garbage', () => overwrite(copy('i'), 'global/pg_filenode.map', 'x'.repeat(524))],
  ];
  it.each(damages)(
    '%s',
    async (_name, damage) => {
      const folder = damage();
      const before = fingerprint(folder);
      await expect(startEmbedded(folder, LOGINS)).rejects.toThrow(DataFolderDamaged);
      expect(fingerprint(folder)).toBe(before);
      expect(existsSync(`${folder}.lock`)).toBe(false);
    },
    90_000,
  );
});

function remove(folder: string, name: string): string {
  rmSync(join(folder, name), { recursive: true });
  return folder;
}
function overwrite(folder: string, name: string, content: string): string {
  writeFileSync(join(folder, name), content);
  return folder;
}
function blank(folder: string, name: string, from: number): string {
  const bytes = readFileSync(join(folder, name));
  writeFileSync(join(folder, name), bytes.fill(0, from));
  return folder;
}
function garbageWal(folder: string): string {
  for (const name of readdirSync(join(folder, 'pg_wal'))) {
    const path = join(folder, 'pg_wal', name);
    if (statSync(path).isFile()) writeFileSync(path, Buffer.alloc(statSync(path).size, 7));
  }
  return folder;
}
