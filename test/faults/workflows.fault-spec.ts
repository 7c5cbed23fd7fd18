import type { Workflow, WorkflowRun } from '@atrium/contracts';
import { Api, eventually, newOrganization, type Person } from '../lib/api.js';
import { dropClusters } from '../lib/postgres.js';
import { Receiver } from '../lib/receiver.js';
import { killServers, Server } from '../lib/server.js';
import { FAILING } from '../lib/workflows.js';
import { type Ground, newGround, pause, spread, tell } from './ground.js';

/** Times that one process is stopped past its lease. */
const STOPS = Number(process.env['FAULT_STOPS'] ?? 3);
/** A dead process is noticed after 5 s; threefold slack over the 10 s that are promised. */
const TAKEN_OVER_MS = 30_000;

let receiver: Receiver;
let ground: Ground;
let doomed: Server;
let heir: Server;
let owner: Person;
let byHeir: Api;

beforeAll(async () => {
  receiver = await Receiver.start();
  ground = await newGround('servers', { OUTBOUND_ALLOW: `127.0.0.1:${receiver.port}` });
  doomed = await ground.serve();
  heir = await Server.start({ dataDir: ground.dataDir, environment: ground.environment });
  owner = await newOrganization('Workflows', ground.baseUrl);
  byHeir = new Api(owner.accessToken, heir.baseUrl);
}, 240_000);
afterAll(async () => {
  await killServers();
  await receiver.stop();
  await ground.remove();
  await dropClusters();
});
beforeEach(() => {
  receiver.received.length = 0;
  receiver.delayMs = 0;
});

const call = (id: string, more: object = {}) => ({ id, kind: 'http', with: { method: 'POST', url: `${receiver.baseUrl}/${id}` }, ...more });
const publish = (name: string, steps: object[]) => byHeir.post<Workflow>('/v1/workflows', { name, definition: { steps } });
const ended = (id: string) =>
  eventually(
    'the run ends',
    async () => {
      const run = await byHeir.get<WorkflowRun>(`/v1/workflow-runs/${id}`);
      return run.endedAt !== null && run;
    },
    TAKEN_OVER_MS + 30_000,
  );

/** Workflows of each shape, with how many effects they have. */
const SHAPES: [name: string, effects: number, steps: () => object[]][] = [
  ['a chain', 3, () => [call('a'), call('b', { needs: ['a'] }), call('c', { needs: ['b'] })]],
  ['branches', 4, () => [call('a'), call('b', { needs: ['a'] }), call('c', { needs: ['a'] }), call('d', { needs: ['b', 'c'] })]],
  ['a fan-out', 4, () => [call('a', { forEach: '[1, 2, 3]' }), call('b', { needs: ['a'] })]],
  ['a wait', 2, () => [call('a'), { id: 'w', kind: 'wait', needs: ['a'], with: { seconds: 1 } }, call('b', { needs: ['w'] })]],
  [
    'compensation',
    2,
    () => [
      call('a', { compensate: { kind: 'http', with: { method: 'POST', url: `${receiver.baseUrl}/undo` } } }),
      { id: 'fail', needs: ['a'], ...FAILING },
    ],
  ],
];

describe('a process that is killed (FT2)', () => {
  it.each(SHAPES)(
    'in %s, inside and after each effect, leaves a run that ends with each effect once',
    async (name, effects, steps) => {
      const workflow = await publish(name, steps());
      const times: number[] = [];
      for (let at = 1; at <= effects; at++) {
        for (const delayMs of [400, 0]) {
          receiver.received.length = 0;
          receiver.delayMs = delayMs;
          const { id } = await owner.api.post<WorkflowRun>(`/v1/workflows/${workflow.id}/runs`);
          await eventually('the effect', async () => receiver.effects.length >= at || null, 20_000);
          await doomed.kill();
          receiver.delayMs = 0;
          const killedAt = performance.now();
          const [run] = await Promise.all([ended(id), ground.serve().then((server) => (doomed = server))]);
          times.push(performance.now() - killedAt);

          expect(run.status).toBe(name === 'compensation' ? 'failed' : 'succeeded');
          expect(receiver.effects).toHaveLength(effects);
          expect(receiver.received.every(({ key }) => key.startsWith(id))).toBe(true);
        }
      }
      tell(`FT2 ${name}: ${times.length} kills, every effect once; ended ${spread(times)} after`);
    },
    900_000,
  );
});

describe('a process that is stopped past its lease, and comes back (FT11)', () => {
  it(`writes nothing more, ${STOPS} times`, async () => {
    const workflow = await publish('Stopped', [call('a'), call('b', { needs: ['a'] })]);
    for (let round = 0; round < STOPS; round++) {
      receiver.received.length = 0;
      receiver.delayMs = 1_500;
      const { id } = await owner.api.post<WorkflowRun>(`/v1/workflows/${workflow.id}/runs`);
      await eventually('the call', async () => receiver.received.length > 0 || null, 20_000);
      doomed.signal('SIGSTOP');
      receiver.delayMs = 0;
      const run = await ended(id);
      doomed.signal('SIGCONT');
      await pause(5_000);

      expect(run.status).toBe('succeeded');
      expect(await byHeir.get(`/v1/workflow-runs/${id}`)).toEqual(run);
      expect(receiver.effects).toHaveLength(2);
    }
    tell(`FT11: ${STOPS} stops, no late write`);
  }, 600_000);
});
