import { randomBytes } from 'node:crypto';
import { dropClusters } from '../lib/postgres.js';
import { newTenant } from '../lib/matrix.js';
import { onslaught } from '../lib/mcp-onslaught.js';
import { killServers } from '../lib/server.js';
import { TOOL_CONTROLS } from '../security/tool-controls.js';
import { newGround, tell } from './ground.js';

const CALLS = Number(process.env['TN11'] ?? 20_000);
const SEED = Number(process.env['TN11_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const MAX_MS = Number(process.env['TN11_MINUTES'] ?? 20) * 60_000;

afterAll(async () => {
  delete process.env['ATRIUM_TEST_RUN'];
  await killServers();
  await dropClusters();
});

it(
  `TN11: ${CALLS} tool calls show and change nothing of another organization (seed ${SEED})`,
  async () => {
    const ground = await newGround('servers', { OUTBOUND_ALLOW: '127.0.0.1' });
    const server = await ground.serve();
    const database = { ownerUrl: ground.environment['DATABASE_URL'] };
    process.env['ATRIUM_TEST_RUN'] = JSON.stringify({ baseUrl: server.baseUrl, dataDir: ground.dataDir, database });
    const mark = () => `cnry${randomBytes(6).toString('hex')}`;
    const callers = [await newTenant(mark()), await newTenant(mark()), await newTenant(mark())];
    const victim = await newTenant(mark());
    const startedAt = performance.now();

    const result = await onslaught({ callers, victim, controls: TOOL_CONTROLS, calls: CALLS, seed: SEED, maxMs: MAX_MS, tell });

    const { calls, worked, refused, turnedAway, findings } = result;
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    tell(
      `TN11: ${calls} calls in ${seconds} s (${worked} worked, ${refused} refused, ${turnedAway} turned away), ${findings.length} leaks`,
    );
    expect(findings).toEqual([]);
    expect(calls).toBe(CALLS);
    expect(worked).toBeGreaterThan(CALLS / 10);
    await ground.remove();
  },
  MAX_MS + 300_000,
);
