// The floor of row f1: DBOS alone. POST /run?count=N runs N workflows of five steps that do nothing, and answers when all have ended.
import { createServer } from 'node:http';
import { DBOS } from '@dbos-inc/dbos-sdk';

const STEPS = 5;
const work = DBOS.registerWorkflow(
  async () => {
    for (let n = 0; n < STEPS; n++) await DBOS.runStep(() => Promise.resolve(n), { name: `step ${n}` });
  },
  { name: 'work' },
);
DBOS.setConfig({ name: 'floor', systemDatabaseUrl: process.env.FLOOR_DATABASE_URL, logLevel: 'error', runAdminServer: false });
await DBOS.launch();
async function runAll(count) {
  const handles = await Promise.all(Array.from({ length: count }, () => DBOS.startWorkflow(work)()));
  await Promise.all(handles.map((handle) => handle.getResult()));
}
const server = createServer((request, response) => {
  void runAll(Number(new URL(request.url, 'http://floor').searchParams.get('count'))).then(() => response.end('{}'));
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${JSON.stringify({ msg: 'ready', port: server.address().port })}\n`));
process.on('SIGTERM', () => process.exit(0));
