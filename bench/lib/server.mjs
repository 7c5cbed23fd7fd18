// Atrium in a process of its own, from dist/, as a bench wants it: no limits, no debug lines.
import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';

const SERVERS = process.env.BENCH_DATABASE_URL ?? 'postgresql://postgres@127.0.0.1:5432/postgres';

/** A fresh database on the PostgreSQL of BENCH_DATABASE_URL. */
export async function freshDatabase() {
  const name = `atrium_bench_${randomBytes(4).toString('hex')}`;
  const admin = async (sql) => {
    const client = new pg.Client({ connectionString: SERVERS });
    await client.connect();
    await client.query(sql).finally(() => client.end());
  };
  await admin(`CREATE DATABASE ${name}`);
  const url = new URL(SERVERS);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => admin(`DROP DATABASE ${name} WITH (FORCE)`) };
}

/** Starts the server and waits until it is ready. Without a database URL it is embedded. */
export async function startServer({
  databaseUrl,
  dataDir = mkdtempSync(join(tmpdir(), 'atrium-bench-')),
  nodeArgs = [],
  settings = {},
} = {}) {
  const environment = {
    DATA_DIR: dataDir,
    RATE_LIMIT_PER_MINUTE: '0',
    CONNECTIONS_PER_ADDRESS: '0',
    HTTP_CONNECTIONS_PER_ADDRESS: '0',
    HTTP_CONNECTIONS: '0',
    ...(databaseUrl ? { DATABASE_URL: databaseUrl } : {}),
    ...settings,
  };
  return { ...(await startProgram([...nodeArgs, 'dist/bundle/api.js'], environment)), dataDir };
}

/** Starts a program of Node that says on which port it is ready: Atrium, a floor or a peer. */
export async function startProgram(args, settings = {}) {
  const { DATABASE_URL, DATABASE_ADMIN_URL, REDIS_URL, ...environment } = process.env;
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...environment, PORT: '0', LOG_LEVEL: 'info', ...settings },
  });
  const port = await new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { msg, port: ready } = JSON.parse(line);
      if (msg === 'ready') resolve(ready);
    });
  });
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    pid: child.pid,
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', resolve);
        child.kill('SIGTERM');
      }),
  };
}

/** A new organization with a channel that its owner is in; `post` sends a message and answers it. */
export async function workspace(baseUrl, request) {
  const call = async (path, body, token) => {
    const answer = await request({
      path,
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    });
    if (answer.status >= 300) throw new Error(`${path} answered ${answer.status}: ${answer.text}`);
    return JSON.parse(answer.text);
  };
  const registered = await call('/v1/auth/register', {
    email: `${randomUUID()}@example.com`,
    password: 'a long password',
    displayName: 'Bench',
    organizationName: 'Bench',
  });
  const channel = await call('/v1/channels', { name: 'bench' }, registered.accessToken);
  return {
    orgId: registered.organization.id,
    channelId: channel.id,
    token: registered.accessToken,
    post: (body) => call(`/v1/channels/${channel.id}/messages`, { body }, registered.accessToken),
  };
}
