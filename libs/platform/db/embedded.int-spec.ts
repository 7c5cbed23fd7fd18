import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { childEntry } from '@atrium/platform/config';
import pg from 'pg';
import { hardenEmbedded, startEmbedded, type EmbeddedDatabase } from './embedded.js';

const LOGINS = { postgres: 'owner-secret', app_login: 'app secret @:/', other_login: 'other', ghost: 'ghost' };
let database: EmbeddedDatabase;
const open: pg.Client[] = [];

async function connected(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString });
  client.on('error', () => undefined);
  await client.connect();
  open.push(client);
  return client;
}
const as = (login: string) => connected(database.url(login));

beforeAll(async () => {
  database = await startEmbedded('memory://', LOGINS, { idleInTransactionMs: 1_000 });
  const owner = await as('postgres');
  await owner.query(`
    CREATE ROLE app_login LOGIN; CREATE ROLE other_login LOGIN;
    CREATE TABLE counters (worker int PRIMARY KEY, n int NOT NULL DEFAULT 0); CREATE TABLE secrets (s text);
    INSERT INTO counters SELECT generate_series(0, 7); INSERT INTO secrets VALUES ('hidden');
    GRANT SELECT, INSERT, UPDATE ON counters TO app_login, other_login;`);
  await hardenEmbedded(database.url('postgres'));
  await hardenEmbedded(database.url('postgres'));
}, 60_000);
afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.end().catch(() => undefined)));
});
afterAll(() => database.stop());

describe('many connections on one session', () => {
  it('keeps the answers, transactions and prepared statements of eight of them apart', async () => {
    const work = async (worker: number) => {
      const client = await as(worker % 2 ? 'app_login' : 'other_login');
      for (let round = 0; round < 25; round++) {
        await client.query('BEGIN');
        const text = `SELECT $1::int AS worker, ${worker} AS own, current_user::text AS who, pg_sleep(0)`;
        const { rows } = await client.query({ name: 'same_name', text, values: [worker] });
        expect(rows[0]).toMatchObject({ worker, own: worker, who: worker % 2 ? 'app_login' : 'other_login' });
        await client.query('UPDATE counters SET n = n + 1 WHERE worker = $1', [worker]);
        await sleep(round % 3);
        if (round % 5 === 4) {
          await expect(client.query('SELECT 1 / 0')).rejects.toMatchObject({ code: '22012' });
          await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
          expect((await client.query('COMMIT')).command).toBe('ROLLBACK');
        } else expect((await client.query('COMMIT')).command).toBe('COMMIT');
      }
    };
    await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(work));

    const { rows } = await (await as('app_login')).query('SELECT DISTINCT n FROM counters');
    expect(rows).toEqual([{ n: 20 }]);
  }, 60_000);

  it('forgets the prepared statements of a connection that ended', async () => {
    const client = await as('app_login');
    await client.query({ name: 'left_behind', text: 'SELECT 1' });
    client.end().catch(() => undefined);
    await sleep(200);
    const { rows } = await (await as('postgres')).query(`SELECT name FROM pg_prepared_statements WHERE name LIKE '%left_behind'`);
    expect(rows).toEqual([]);
  });

  it('forgets what a login set for the session when its transaction ends', async () => {
    const client = await as('app_login');
    await client.query(`SET work_mem = '77MB'`);
    expect((await client.query('SHOW work_mem')).rows[0]).not.toEqual({ work_mem: '77MB' });
  });

  it('tells each listener, and only listeners, also after another has stopped listening', async () => {
    const [first, second, deaf, teller] = await Promise.all([as('app_login'), as('other_login'), as('app_login'), as('app_login')]);
    const heard: string[] = [];
    for (const [name, client] of Object.entries({ first, second, deaf })) {
      client.on('notification', ({ channel, payload }) => heard.push(`${name}:${channel}:${payload}`));
    }
    await first.query('LISTEN News');
    await second.query('LISTEN "news"');
    await teller.query(`SELECT pg_notify('news', 'one')`);
    await sleep(100);
    await second.query('UNLISTEN *');
    await teller.query(`NOTIFY news, 'two'`);
    await sleep(100);
    expect(heard.sort()).toEqual(['first:news:one', 'first:news:two', 'second:news:one']);
  });

  it('rolls back and ends a connection that leaves its transaction idle, and serves the others', async () => {
    const idle = await as('app_login');
    await idle.query('BEGIN; UPDATE counters SET n = 999');
    const { rows } = await (await as('other_login')).query('SELECT count(*)::int AS wrong FROM counters WHERE n = 999');
    expect(rows).toEqual([{ wrong: 0 }]);
    await expect(idle.query('SELECT 1')).rejects.toThrow();
  });

  it('rolls back when a client vanishes inside a transaction', async () => {
    const client = await as('app_login');
    await client.query('BEGIN; UPDATE counters SET n = 998');
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    const { rows } = await (await as('other_login')).query('SELECT count(*)::int AS wrong FROM counters WHERE n = 998');
    expect(rows).toEqual([{ wrong: 0 }]);
  });
});

describe('who may connect', () => {
  const attempt = (user: string, password: string) => {
    const url = new URL(database.url('postgres'));
    return connected(`postgres://${user}:${password}@${url.host}/postgres`);
  };
  it.each([
    ['postgres', 'wrong'],
    ['nobody', 'owner-secret'],
    ['app_login', ''],
    ['app_login', 'other'],
  ])('refuses %s with password "%s"', async (user, password) => {
    await expect(attempt(user, password)).rejects.toThrow(/password authentication failed|client password must be a string|SASL|password/);
    if (password) await expect(attempt(user, password)).rejects.toMatchObject({ code: '28P01' });
  });

  it('ends only the connection whose role does not exist', async () => {
    const fine = await as('app_login');
    const ghost = await as('ghost');
    await expect(ghost.query('SELECT 1')).rejects.toMatchObject({ code: '28000' });
    expect((await fine.query('SELECT current_user::text AS who')).rows).toEqual([{ who: 'app_login' }]);
  });
});

describe('an ordinary login cannot become the superuser', () => {
  const hidden = (client: pg.Client) => client.query('SELECT s FROM secrets');
  const escapes: [string, (client: pg.Client) => Promise<unknown>][] = [
    ['SET SESSION AUTHORIZATION', (c) => c.query('SET SESSION AUTHORIZATION postgres')],
    ['RESET SESSION AUTHORIZATION', (c) => c.query('RESET SESSION AUTHORIZATION')],
    ['set_config with a literal', (c) => c.query(`SELECT set_config('session_' || 'auth' || 'orization', 'postgres', false)`)],
    ['set_config with bound values', (c) => c.query('SELECT set_config($1, $2, false)', ['session_authorization', 'postgres'])],
    ['DO with a composed statement', (c) => c.query(`DO $$ BEGIN EXECUTE 'SET SESSION AUTH' || 'ORIZATION postgres'; END $$`)],
    ['a comment inside', (c) => c.query('SET SESSION/**/AUTHORIZATION/**/postgres')],
    ['an escaped identifier', (c) => c.query(`SET U&"session_\\0061uthorization" = 'postgres'`)],
    ['DISCARD ALL', (c) => c.query('DISCARD ALL')],
    ['pg_settings', (c) => c.query(`UPDATE pg_settings SET setting = 'postgres' WHERE name = $1`, ['session_authorization'])],
    [
      'a function with an escaped body',
      async (c) => {
        await c.query(`CREATE FUNCTION pg_temp.f() RETURNS void LANGUAGE sql AS E'SET SESSION \\x61uthorization postgres'`);
        await c.query('SELECT pg_temp.f()');
      },
    ],
    ['SET ROLE', (c) => c.query('SET ROLE postgres')],
    ['a startup setting', (c) => c.query(`ALTER ROLE app_login SET role = 'postgres'`)],
  ];
  it.each(escapes)('by %s', async (_name, escape) => {
    const client = await as('app_login');
    await escape(client).catch(() => undefined);
    await expect(hidden(client)).rejects.toThrow();
    const again = await as('app_login');
    await expect(hidden(again)).rejects.toMatchObject({ code: '42501' });
    expect((await again.query('SELECT session_user::text AS who')).rows).toEqual([{ who: 'app_login' }]);
  });

  it('within one transaction', async () => {
    const client = await as('app_login');
    await client.query('BEGIN');
    await client.query('SELECT set_config($1, $2, true)', ['session_authorization', 'postgres']).catch(() => undefined);
    await expect(hidden(client)).rejects.toMatchObject({ code: '25P02' });
  });
});

describe('garbage on the wire', () => {
  const frame = (type: string, body: string) => {
    const header = Buffer.alloc(5);
    header.write(type);
    header.writeInt32BE(Buffer.byteLength(body, 'latin1') + 4, 1);
    return Buffer.concat([header, Buffer.from(body, 'latin1')]);
  };
  const startup = Buffer.concat([Buffer.from([0, 0, 0, 24, 0, 3, 0, 0]), Buffer.from('user\0app_login\0\0', 'latin1')]);
  const sync = frame('S', '');
  const cases: [string, Buffer][] = [
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a negative length', Buffer.alloc(64, 255)],
    ['a cancel request', Buffer.from([0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 1, 0, 0, 0, 0])],
    ['an unknown message', Buffer.concat([startup, frame('p', `${LOGINS.app_login}\0`), frame('y', 'z')])],
    ['a function call', Buffer.concat([startup, frame('p', `${LOGINS.app_login}\0`), frame('F', '\0\0\0\0')])],
    ['a message before the password', Buffer.concat([startup, frame('Q', 'SELECT 1\0')])],
    ['a frame beyond the bound', Buffer.concat([startup, frame('p', `${LOGINS.app_login}\0`), Buffer.from('Q\x7f\xff\xff\xff', 'latin1')])],
    [
      'a broken Bind',
      Buffer.concat([startup, frame('p', `${LOGINS.app_login}\0`), frame('P', '\0SELECT 1\0\0\0'), frame('B', '\0\0\xff\xff'), sync]),
    ],
    ['a Parse without end', Buffer.concat([startup, frame('p', `${LOGINS.app_login}\0`), frame('P', '\0SELECT 1'), sync])],
    ['COPY without data', Buffer.concat([startup, frame('p', `${LOGINS.app_login}\0`), frame('Q', 'COPY counters FROM/**/STDIN\0'), sync])],
  ];
  it.each(cases)('%s does not harm the others', async (_name, bytes) => {
    const fine = await as('app_login');
    await fine.query('BEGIN');
    await fine.query('UPDATE counters SET n = 20 WHERE worker = 0');
    const socket = connect(Number(new URL(database.url('postgres')).port), '127.0.0.1');
    socket.on('error', () => undefined).on('data', () => undefined);
    socket.write(bytes);
    await sleep(50);
    expect((await fine.query('COMMIT')).command).toBe('COMMIT');
    await sleep(50);
    socket.destroy();
    expect((await fine.query('SELECT 42 AS n')).rows).toEqual([{ n: 42 }]);
  });
});

it('ends when its parent was killed', async () => {
  const order = JSON.stringify({ dataDir: 'memory://', ownerPid: process.pid, logins: LOGINS, idleInTransactionMs: 1_000 });
  const parent = spawn(
    process.execPath,
    [
      '-e',
      `const c = require('child_process').spawn(process.execPath, [process.argv[1]], { stdio: ['pipe', 'inherit', 'inherit'] });
       c.stdin.write(process.argv[2] + '\\n'); console.log('pid ' + c.pid); setInterval(() => {}, 1e6);`,
      childEntry(import.meta.url, './embedded/server.js'),
      order,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let said = '';
  parent.stdout.on('data', (piece: Buffer) => (said += piece.toString()));
  while (!said.includes('ready')) await sleep(20);
  const child = Number(/pid (\d+)/.exec(said)?.[1]);
  process.kill(child, 'SIGINT');
  process.kill(child, 'SIGTERM');
  await sleep(100);
  expect(() => process.kill(child, 0)).not.toThrow();

  parent.kill('SIGKILL');
  const deadline = Date.now() + 6_000;
  const alive = () => {
    try {
      return process.kill(child, 0);
    } catch {
      return false;
    }
  };
  while (alive() && Date.now() < deadline) await sleep(20);
  expect(alive()).toBe(false);
}, 60_000);
