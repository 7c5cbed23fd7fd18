// Row i: what an idle socket costs a server in memory: resident size with the sockets less the size before, after a collection, per socket.
import { mkdtempSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { bootstrap, median } from './lib/measure.mjs';
import { freshDatabase, startProgram, startServer, workspace } from './lib/server.mjs';

const SOCKETS = 1_000;
/** Atrium takes 20 of one person. */
const PER_PERSON = 20;
const ROUNDS = 5;

const rssKiB = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);

/** Resident size after collections. The programs collect when told; Atrium is started with the same hook. */
async function settled(pid) {
  for (let n = 0; n < 3; n++) {
    process.kill(pid, 'SIGUSR2');
    await sleep(700);
  }
  return rssKiB(pid);
}

const opened = (socket, event) => new Promise((resolve, reject) => socket.once('error', reject).once(event, resolve));

const tcp = (port) => async () => {
  const socket = connect(port, '127.0.0.1');
  await opened(socket, 'connect');
  return () => socket.destroy();
};

/** A WebSocket that is open once `greet` has been answered by a message that `isReady`. */
const websocket = (url, greet, isReady) => async (n) => {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await opened(socket, 'open');
  const ready = new Promise((resolve, reject) => {
    socket.on('message', (text) => isReady(String(text)) && resolve());
    socket.once('close', (code) => reject(new Error(`closed with ${code}`)));
  });
  socket.send(greet(n));
  await ready;
  return () => socket.terminate();
};

/** KiB per socket of a fresh program, one a round: memory that was given back to the allocator would hide the next round's. */
async function measure(start, dial) {
  const program = await start();
  try {
    const open = await dial(program);
    // The first sockets load code; they are not counted.
    const closers = [];
    for (let n = 0; n < 50; n++) closers.push(await open(n));
    const before = await settled(program.pid);
    for (let n = 50; n < 50 + SOCKETS; n++) closers.push(await open(n));
    const after = await settled(program.pid);
    for (const close of closers) close();
    return (after - before) / SOCKETS;
  } finally {
    await program.stop();
  }
}

const port = ({ baseUrl }) => Number(new URL(baseUrl).port);
const peer = (kind) => () => startProgram(['--expose-gc', 'bench/lib/socket-floor.mjs', kind]);
const database = await freshDatabase();
// One folder for all rounds: the secrets of the database stand there.
const dataDir = mkdtempSync(join(tmpdir(), 'atrium-bench-'));
const atrium = () =>
  startServer({ databaseUrl: database.url, dataDir, nodeArgs: ['--expose-gc', '--import', './bench/lib/collect-when-told.mjs'] });
const variants = {
  tcp: () => measure(peer('tcp'), (program) => tcp(port(program))),
  ws: () =>
    measure(peer('ws'), (program) =>
      websocket(
        `ws://127.0.0.1:${port(program)}`,
        () => 'hello',
        () => true,
      ),
    ),
  'Socket.IO': () =>
    measure(peer('socket.io'), (program) =>
      websocket(
        `ws://127.0.0.1:${port(program)}/socket.io/?EIO=4&transport=websocket`,
        () => '40',
        (text) => text.startsWith('40'),
      ),
    ),
  'Atrium, signed in': () =>
    measure(atrium, async (program) => {
      const request = async ({ path, body, headers }) => {
        const answer = await fetch(program.baseUrl + path, { method: 'POST', body, headers });
        return { status: answer.status, text: await answer.text() };
      };
      const tokens = [];
      for (let n = 0; n < (SOCKETS + 50) / PER_PERSON; n++) tokens.push((await workspace(program.baseUrl, request)).token);
      const greet = (n) => JSON.stringify({ id: '1', type: 'auth', token: tokens[Math.floor(n / PER_PERSON)] });
      return websocket(`${program.baseUrl.replace('http', 'ws')}/v1/socket`, greet, (text) => JSON.parse(text).type === 'ready');
    }),
};
const figures = new Map(Object.keys(variants).map((name) => [name, []]));
try {
  for (let round = 0; round < ROUNDS; round++) {
    const order = Object.keys(variants);
    for (const name of round % 2 ? order.reverse() : order) figures.get(name).push(await variants[name]());
  }
} finally {
  await database.drop();
}
process.stdout.write(`\ni, ${SOCKETS} idle sockets\n`);
for (const [name, kib] of figures) {
  const ratios = kib.map((value, round) => value / figures.get('Socket.IO')[round]);
  const [low, high] = bootstrap(ratios);
  process.stdout.write(
    `  ${name.padEnd(20)} ${median(kib).toFixed(1)} KiB  ${median(ratios).toFixed(2)} × Socket.IO [${low.toFixed(2)}, ${high.toFixed(2)}]\n`,
  );
}
process.stdout.write('  goal: ≤ 0.6 × Socket.IO\n');
