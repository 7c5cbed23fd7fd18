import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { anonymous, newOrganization } from '../lib/api.js';
import { Burst, newCrowd } from '../lib/burst.js';
import { dropClusters, OwnPostgres } from '../lib/postgres.js';
import { type Ended, freePort, killServers, Server } from '../lib/server.js';
import { lossesIn, withDatabase } from './evidence.js';
import { type Mode, MODES, newGround, pause, tell } from './ground.js';

const STACK = /\n\s+at .+\(?.+:\d+:\d+\)?/;
const secret = () => randomBytes(48).toString('base64url');
const folders: string[] = [];
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'atrium-boot-'));
  folders.push(folder);
  return folder;
}

/** The plain words with which a server ended: code 1, on stderr, without a stack. */
function words({ code, stderr, stdout }: Ended): string {
  expect({ code, stack: STACK.test(stderr + stdout) }).toEqual({ code: 1, stack: false });
  return stderr;
}

jest.setTimeout(300_000);

afterAll(async () => {
  await killServers();
  await dropClusters();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

describe('settings', () => {
  it('names every missing or weak setting of production at once', async () => {
    const environment = {
      NODE_ENV: 'production',
      AUDIT_KEY: 'a'.repeat(40),
      DATABASE_URL: 'postgresql://a@127.0.0.1:1/a',
      LOG_LEVEL: 'loud',
    };

    const said = words(await Server.refused({ dataDir: newFolder(), environment }));

    expect(said).toContain('JWT_SECRET is required in production');
    expect(said).toContain('ENCRYPTION_KEY is required in production');
    expect(said).toContain('DATABASE_ADMIN_URL is required in production');
    expect(said).toContain('AUDIT_KEY is weak');
    expect(said).toContain('LOG_LEVEL');
  });

  it('names one secret that serves two purposes', async () => {
    const same = secret();
    const environment = { NODE_ENV: 'production', AUDIT_KEY: same, JWT_SECRET: same, ENCRYPTION_KEY: secret() };

    const said = words(await Server.refused({ dataDir: newFolder(), environment }));

    expect(said).toContain('must differ from each other');
    expect(said).not.toContain(same);
  });

  it('does not start on a database that it cannot reach', async () => {
    const environment = { DATABASE_URL: `postgresql://nobody:hunter2@127.0.0.1:${await freePort()}/atrium` };

    const said = words(await Server.refused({ dataDir: newFolder(), environment }));

    expect(said).toMatch(/database/i);
    expect(said).not.toContain('hunter2');
  });

  it('does not start on a port in use', async () => {
    const other = createServer();
    const port = await new Promise<number>((resolve) =>
      other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port)),
    );

    const said = words(await Server.refused({ dataDir: newFolder(), port }));

    expect(said).toContain(`The port is in use: ${port} at 127.0.0.1`);
    other.close();
  });
});

describe('the address', () => {
  it('is told when it is none of this machine', async () => {
    const said = words(await Server.refused({ dataDir: newFolder(), environment: { HOST: '999.1.1.1' } }));

    expect(said).toContain('HOST is no address of this machine: 999.1.1.1');
    expect(said).not.toMatch(/database/i);
  });
});

describe('the data folder', () => {
  it('is told when it is a file', async () => {
    const dataDir = join(newFolder(), 'file');
    writeFileSync(dataDir, '');

    for (const path of [dataDir, join(dataDir, 'below')])
      expect(words(await Server.refused({ dataDir: path }))).toContain(`DATA_DIR is not a folder, or stands below a file: ${path}`);
  });

  it('serves one server only, and the second harms nothing', async () => {
    const dataDir = newFolder();
    const server = await Server.start({ dataDir });

    const said = words(await Server.refused({ dataDir }));

    expect(said).toContain(`is in use by process ${server.pid}`);
    expect((await anonymous(server.baseUrl).call('GET', '/readyz')).status).toBe(200);
    await server.stop();
  });

  it.each([
    ['control file', (db: string) => writeFileSync(join(db, 'global', 'pg_control'), randomBytes(8192))],
    ['version', (db: string) => writeFileSync(join(db, 'PG_VERSION'), '99\n')],
    ['write-ahead log', (db: string) => rmSync(join(db, 'pg_wal'), { recursive: true })],
  ])('is refused with a damaged %s, and opens again once it is restored', async (_, damage) => {
    const dataDir = newFolder();
    const first = await Server.start({ dataDir });
    const owner = await newOrganization('Kept', first.baseUrl);
    await first.stop();
    const backup = join(newFolder(), 'db');
    cpSync(join(dataDir, 'db'), backup, { recursive: true });
    damage(join(dataDir, 'db'));

    const said = words(await Server.refused({ dataDir }));

    expect(said).toContain('cannot be opened');
    expect(said).toContain('Restore it from a backup');
    expect(existsSync(join(dataDir, 'db.lock'))).toBe(false);
    rmSync(join(dataDir, 'db'), { recursive: true });
    cpSync(backup, join(dataDir, 'db'), { recursive: true });
    const second = await Server.start({ dataDir });
    const { email, password } = owner;
    expect((await anonymous(second.baseUrl).call('POST', '/v1/auth/login', { body: { email, password } })).status).toBe(200);
    await second.stop();
  });
});

describe('processes that start together', () => {
  it('make an empty database ready one after the other', async () => {
    const postgres = await OwnPostgres.start();
    const environment = { DATABASE_URL: await postgres.createDatabase(), ENCRYPTION_KEY: secret(), AUDIT_KEY: secret() };
    const dataDir = newFolder();
    const all = [
      new Server({ dataDir, environment }),
      new Server({ dataDir, environment }),
      new Server({ dataDir, environment, kind: 'worker' }),
    ];

    await Promise.all(all.map((server) => server.ready));
    for (const server of all) await server.stop();
  });

  it('are no workers without DATABASE_URL', async () => {
    const worker = new Server({ dataDir: newFolder(), kind: 'worker' });
    expect(words(await worker.ended)).toContain('a worker needs DATABASE_URL');
  });
});

describe('secrets of one database', () => {
  it('refuses a process with another ENCRYPTION_KEY or AUDIT_KEY, and leaves the one that runs alone', async () => {
    const postgres = await OwnPostgres.start();
    const environment = { DATABASE_URL: await postgres.createDatabase(), ENCRYPTION_KEY: secret(), AUDIT_KEY: secret() };
    const server = await Server.start({ dataDir: newFolder(), environment });

    for (const name of ['ENCRYPTION_KEY', 'AUDIT_KEY']) {
      const said = words(await Server.refused({ dataDir: newFolder(), environment: { ...environment, [name]: secret() } }));
      expect(said).toContain(`${name} is not the one that this database was made with`);
    }

    await newOrganization('Undisturbed', server.baseUrl);
    await server.stop();
    const again = await Server.start({ dataDir: newFolder(), environment });
    await newOrganization('Undisturbed', again.baseUrl);
    await again.stop();
  });
});

describe.each<Mode>(MODES)('FT12: SIGTERM under load (%s)', (mode) => {
  it('answers every request that it took, ends within 10 s, and loses nothing', async () => {
    const ground = await newGround(mode);
    const server = await ground.serve();
    const crowd = await newCrowd(ground.baseUrl, 8);
    const burst = new Burst([crowd], 1_000_000);
    await pause(1_500);

    const { code, ms } = await server.stop();
    const stoppedAt = new Date().toISOString();
    const second = await ground.serve();
    await burst.stop();
    await second.stop();

    expect(burst.surprises).toEqual([]);
    // A connection may still break before its request was read; what was read was answered.
    const taken = [...burst.cut].filter((clientId) => (burst.acknowledged.get(clientId)?.createdAt ?? '') < stoppedAt);
    expect(taken).toEqual([]);
    expect({ code, inTime: ms < 10_000 }).toEqual({ code: 0, inTime: true });
    expect(await withDatabase(ground.dataDir, ground.environment, ({ ownerUrl }) => lossesIn(ownerUrl, burst))).toEqual([]);
    tell(`FT12 ${mode}: ended in ${Math.round(ms)} ms; ${burst.acknowledged.size} acknowledged, ${burst.cut.size} not taken any more`);
    await ground.remove();
  }, 120_000);
});
