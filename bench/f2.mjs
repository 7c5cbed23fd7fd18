// Row f2: from a kill -9 in the middle of a run to the next step: in another process, and after a restart; DBOS alone by a restart, which is
// all that it offers without its cloud.
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { bootstrap, median } from './lib/measure.mjs';
import { freshDatabase, startProgram, startServer, workspace } from './lib/server.mjs';

const ROUNDS = 4;
const STEPS = 12;
/** The step at whose call the process dies. */
const LAST = 3;

/** What steps call; each answer takes a tenth of a second. */
const calls = [];
let called = () => undefined;
const receiver = createServer((request, response) => {
  calls.push({ path: request.url, at: performance.now() });
  called();
  void pause(100).then(() => response.writeHead(200, { 'content-type': 'text/plain' }).end('ok'));
});
receiver.listen(0, '127.0.0.1');
await once(receiver, 'listening');
const target = `http://127.0.0.1:${receiver.address().port}`;
/** Resolves to the first call that fits. */
async function call(fits) {
  for (;;) {
    const found = calls.find(fits);
    if (found) return found;
    await new Promise((resolve) => (called = resolve));
  }
}

const database = await freshDatabase();
const bare = await freshDatabase();
// The processes of one installation share its secrets.
const dataDir = mkdtempSync(join(tmpdir(), 'atrium-bench-'));
const atrium = () => startServer({ databaseUrl: database.url, dataDir, settings: { OUTBOUND_ALLOW: '127.0.0.1' } });
const dbos = () => startProgram(['bench/lib/takeover-peer.mjs'], { FLOOR_DATABASE_URL: bare.url });
const request = async (baseUrl, path, body, headers) => {
  const answer = await fetch(baseUrl + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
  return answer.json();
};

let round = 0;
/** Milliseconds from the kill of the process that works to the next call. `after` starts what goes on with it. */
async function measured(server, start, after) {
  const run = `/${++round}`;
  await start(`${target}${run}`);
  await call(({ path }) => path === `${run}/${LAST}`);
  const diedAt = performance.now();
  process.kill(server.pid, 'SIGKILL');
  const next = await after();
  const found = await call(({ path, at }) => path.startsWith(`${run}/`) && at > diedAt + 1);
  await call(({ path }) => path === `${run}/${STEPS - 1}`);
  return { ms: found.at - diedAt, next };
}

const results = { 'Atrium, another process': [], 'Atrium, restarted': [], 'DBOS alone, restarted': [] };
let first = await atrium();
let second = await atrium();
let peer = await dbos();
try {
  const { token } = await workspace(first.baseUrl, async ({ path, body, headers }) => ({
    status: 200,
    text: JSON.stringify(await request(first.baseUrl, path, JSON.parse(body), headers)),
  }));
  const signedIn = { authorization: `Bearer ${token}` };
  const steps = Array.from({ length: STEPS }, (_, n) => ({
    id: `s${n}`,
    kind: 'http',
    with: { method: 'GET', url: `\${{ input.target }}/${n}` },
    ...(n > 0 ? { needs: [`s${n - 1}`] } : {}),
  }));
  const workflow = await request(first.baseUrl, '/v1/workflows', { name: 'Calls', definition: { steps } }, signedIn);
  const startAt = (server) => (url) => request(server.baseUrl, `/v1/workflows/${workflow.id}/runs`, { input: { target: url } }, signedIn);
  for (let n = 0; n < ROUNDS; n++) {
    const taken = await measured(first, startAt(first), () => Promise.resolve(second));
    results['Atrium, another process'].push(taken.ms);
    first = taken.next;
    const restarted = await measured(first, startAt(first), atrium);
    results['Atrium, restarted'].push(restarted.ms);
    first = restarted.next;
    second = await atrium();
    const other = await measured(peer, (url) => request(peer.baseUrl, '/run', { target: url, steps: STEPS }), dbos);
    results['DBOS alone, restarted'].push(other.ms);
    peer = other.next;
  }
} finally {
  await Promise.all([first.stop(), second.stop(), peer.stop()]);
  await Promise.all([database.drop(), bare.drop()]);
  receiver.close();
  receiver.closeAllConnections();
}
process.stdout.write(`\nf2, from kill -9 to the next call of a step, ${ROUNDS} rounds\n`);
for (const [name, times] of Object.entries(results)) {
  const [low, high] = bootstrap(times);
  const seconds = (ms) => (ms / 1_000).toFixed(2);
  process.stdout.write(
    `  ${name.padEnd(26)} ${seconds(median(times))} s [${seconds(low)}, ${seconds(high)}], at most ${seconds(Math.max(...times))} s\n`,
  );
}
process.stdout.write('  goal: ≤ 10 s, and no longer than DBOS\n');
