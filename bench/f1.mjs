// Row f1: steps of workflows, runs of five steps that do nothing, against DBOS alone on the same PostgreSQL.
import { setTimeout as pause } from 'node:timers/promises';
import { Pool } from 'undici';
import { compare, report } from './lib/measure.mjs';
import { freshDatabase, startProgram, startServer, workspace } from './lib/server.mjs';

const RUNS = 50;
const STEPS = 5;
const database = await freshDatabase();
const bare = await freshDatabase();
const server = await startServer({ databaseUrl: database.url });
const floor = await startProgram(['bench/lib/durable-floor.mjs'], { FLOOR_DATABASE_URL: bare.url });
const http = new Pool(server.baseUrl, { connections: 16 });
const call = async (method, path, body, headers = {}) => {
  const answer = await http.request({
    method,
    path,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await answer.body.text();
  if (answer.statusCode >= 300) throw new Error(`${path} answered ${answer.statusCode}: ${text}`);
  return JSON.parse(text);
};
let ended = 0;
try {
  const { token } = await workspace(server.baseUrl, async ({ path, body, headers }) => ({
    status: 200,
    text: JSON.stringify(await call('POST', path, JSON.parse(body), headers)),
  }));
  const signedIn = { authorization: `Bearer ${token}` };
  const steps = Array.from({ length: STEPS }, (_, n) => ({
    id: `s${n}`,
    kind: 'tool',
    with: { tool: 'system_status' },
    ...(n > 0 ? { needs: [`s${n - 1}`] } : {}),
  }));
  const workflow = await call('POST', '/v1/workflows', { name: 'Nothing', definition: { steps } }, signedIn);
  const underWay = async () =>
    (await call('GET', `/v1/workflow-runs?workflowId=${workflow.id}&limit=200`, null, signedIn)).data.filter(({ endedAt }) => !endedAt);
  const atrium = async () => {
    await Promise.all(Array.from({ length: RUNS }, () => call('POST', `/v1/workflows/${workflow.id}/runs`, {}, signedIn)));
    while ((await underWay()).length > 0) await pause(50);
    ended += RUNS;
    return RUNS * STEPS;
  };
  const dbos = async () => {
    const answer = await fetch(`${floor.baseUrl}/run?count=${RUNS}`, { method: 'POST' });
    if (!answer.ok) throw new Error(`the floor answered ${answer.status}`);
    return RUNS * STEPS;
  };
  const results = await compare(
    [
      { name: 'DBOS alone', pid: floor.pid, round: dbos },
      { name: 'steps of a workflow', pid: server.pid, round: atrium },
    ],
    { rounds: 8 },
  );
  report(`f1, ${RUNS} runs of ${STEPS} steps at once`, results, 'DBOS alone', '≥ 0.9 × DBOS alone, that is ≤ 1.11 × the time');
  const { data } = await call('GET', `/v1/workflow-runs?workflowId=${workflow.id}&status=succeeded&limit=1`, null, signedIn);
  if (data.length === 0 || ended === 0) throw new Error('no run succeeded');
} finally {
  await http.close();
  await Promise.all([server.stop(), floor.stop()]);
  await Promise.all([database.drop(), bare.drop()]);
}
