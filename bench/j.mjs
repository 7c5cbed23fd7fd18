// Row j: from the start of the process to a good /readyz, warm (built, migrated, files in the page cache), against Node and Fastify alone.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { compare, report } from './lib/measure.mjs';
import { freshDatabase, startServer } from './lib/server.mjs';

async function start(args, environment) {
  const { DATABASE_URL, DATABASE_ADMIN_URL, REDIS_URL, ...inherited } = process.env;
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...inherited, PORT: '0', LOG_LEVEL: 'info', ...environment },
  });
  const port = await new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`ended with ${code}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { msg, port: ready } = JSON.parse(line);
      if (msg === 'ready') resolve(ready);
    });
  });
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
  if (answer.status !== 200) throw new Error(`/readyz answered ${answer.status}`);
  return () =>
    new Promise((resolve) => {
      child.once('exit', resolve);
      child.kill('SIGTERM');
    });
}

const database = await freshDatabase();
const embedded = await startServer();
const onServers = await startServer({ databaseUrl: database.url });
await Promise.all([embedded.stop(), onServers.stop()]);
const main = 'dist/bundle/api.js';
let stops = [];
/** Stopping is not part of the time: it happens before the next start. */
const variant = (name, args, environment) => ({
  name,
  round: async () => {
    stops.push(await start(args, environment));
    return 1;
  },
});
const settle = (one) => ({
  ...one,
  round: async () => {
    await Promise.all(stops.map((stop) => stop()));
    stops = [];
    const startedAt = performance.now();
    await one.round();
    return performance.now() - startedAt;
  },
});
const timed = [
  settle(variant('Node and Fastify', ['bench/lib/fastify-floor.mjs'], {})),
  settle(variant('Atrium, PostgreSQL', [main], { DATA_DIR: onServers.dataDir, DATABASE_URL: database.url })),
  settle(variant('Atrium, embedded', [main], { DATA_DIR: embedded.dataDir })),
];
// A round answers its own time, without the stop before it; `compare` divides by it, so the figures are put back here.
const figures = new Map(timed.map(({ name }) => [name, { ms: [], cpuMs: [] }]));
try {
  await compare(
    timed.map((one) => ({
      name: one.name,
      round: async () => {
        figures.get(one.name).ms.push(await one.round());
        return 1;
      },
    })),
    { rounds: 10, warmUps: 1 },
  );
} finally {
  await Promise.all(stops.map((stop) => stop()));
  await database.drop();
}
for (const result of figures.values()) result.ms.shift();
report('j, start to /readyz, warm', figures, 'Node and Fastify', '≤ 3 × floor');
