import { randomBytes } from 'node:crypto';
import { newTenant } from '../lib/matrix.js';
import { onslaught } from '../lib/mcp-onslaught.js';
import { TOOL_CONTROLS } from './tool-controls.js';

const CALLS = Number(process.env['TN11'] ?? 600);
const SEED = Number(process.env['TN11_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

it(`TN11: ${CALLS} calls of random tools with foreign, guessed and hostile arguments show and change nothing of others (seed ${SEED})`, async () => {
  const mark = () => `cnry${randomBytes(6).toString('hex')}`;
  const callers = [await newTenant(mark()), await newTenant(mark())];
  const victim = await newTenant(mark());
  const result = await onslaught({
    callers,
    victim,
    controls: TOOL_CONTROLS,
    calls: CALLS,
    seed: SEED,
    maxMs: 180_000,
  });

  expect(result.findings).toEqual([]);
  expect(result).toMatchObject({ calls: CALLS });
  expect(result.worked).toBeGreaterThan(CALLS / 10);
}, 300_000);
