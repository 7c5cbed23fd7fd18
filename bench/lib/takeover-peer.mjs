// The peer of row f2: DBOS alone. POST /run {target, steps} starts a workflow whose steps call the target one after the other; what a process
// before it left unfinished goes on at its start.
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { DBOS } from '@dbos-inc/dbos-sdk';

const calls = DBOS.registerWorkflow(
  async ({ target, steps }) => {
    for (let n = 0; n < steps; n++)
      await DBOS.runStep(() => fetch(`${target}/${n}`).then((answer) => answer.text()), { name: `step ${n}` });
  },
  { name: 'calls' },
);
DBOS.setConfig({
  name: 'peer',
  systemDatabaseUrl: process.env.FLOOR_DATABASE_URL,
  executorID: 'peer',
  applicationVersion: 'peer-1',
  logLevel: 'error',
  runAdminServer: false,
});
await DBOS.launch();
const server = createServer((request, response) => {
  void json(request)
    .then((work) => DBOS.startWorkflow(calls)(work))
    .then(() => response.end('{}'));
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${JSON.stringify({ msg: 'ready', port: server.address().port })}\n`));
process.on('SIGTERM', () => process.exit(0));
