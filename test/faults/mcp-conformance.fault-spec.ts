import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { CreatedApiKey } from '@atrium/contracts';
import { newOrganization } from '../lib/api.js';
import { killServers, type Server } from '../lib/server.js';
import { SigningProxy } from '../lib/signing-proxy.js';
import { type Suite, SUITES } from './conformance.js';
import { type Ground, newGround, tell } from './ground.js';

const run = promisify(execFile);

interface Check {
  id: string;
  status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'INFO' | 'SKIPPED';
  errorMessage?: string;
}

/** The suites need Node 22 or newer: fetched beside them when this is an older one. */
const NODE = Number(process.versions.node.split('.')[0]) >= 22 ? null : `node-${process.platform}-${process.arch}`;

jest.setTimeout(600_000);

describe('the official conformance suite', () => {
  let folder: string;
  let ground: Ground;
  let server: Server;
  let proxy: SigningProxy;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'atrium-conformance-'));
    ground = await newGround('embedded');
    server = await ground.serve();
    const owner = await newOrganization('Conforming', server.baseUrl);
    const { key } = await owner.api.post<CreatedApiKey>('/v1/api-keys', { name: 'suite' });
    proxy = await SigningProxy.start(server.baseUrl, key);
  });
  afterAll(async () => {
    proxy.stop();
    await killServers();
    await ground.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(SUITES)('of $revision passes where it applies, and nowhere else is there a new failure', async (suite) => {
    const results = await resultsOf(suite, join(folder, suite.revision), proxy.port);

    const failing = [...results].flatMap(([scenario, checks]) =>
      checks
        .filter(({ id, status }) => status === 'FAILURE' && !isExcused(suite, scenario, id))
        .map(({ id, errorMessage }) => `${scenario}: ${id}: ${errorMessage ?? 'failed'}`),
    );
    expect(failing).toEqual([]);
    expect([...results.keys()].sort()).toEqual([...suite.passing, ...Object.keys(suite.notApplicable)].sort());
    const excusedForNothing = Object.keys(suite.notApplicable).filter(
      (scenario) => !results.get(scenario)?.some(({ status }) => status === 'FAILURE'),
    );
    expect(excusedForNothing).toEqual([]);
    const checks = [...results.values()].flat();
    const passed = checks.filter(({ status }) => status === 'SUCCESS').length;
    const excused = checks.filter(({ status }) => status === 'FAILURE').length;
    tell(`conformance ${suite.revision} (${suite.suite}): ${passed} checks passed, ${excused} do not apply, 0 failed`);
  });
});

function isExcused({ notApplicable }: Suite, scenario: string, check: string): boolean {
  const excuse = notApplicable[scenario];
  return typeof excuse === 'string' || (excuse?.some(([id]) => id === check) ?? false);
}

/** Installs the suite and runs it: the checks of each scenario. */
async function resultsOf({ suite, options }: Suite, folder: string, port: number): Promise<Map<string, Check[]>> {
  const out = join(folder, 'out');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  const packages = NODE ? [suite, `${NODE}@22`] : [suite];
  await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...packages], { cwd: folder });
  const node = NODE ? join(folder, 'node_modules', NODE, 'bin/node') : process.execPath;
  const program = join(folder, 'node_modules/@modelcontextprotocol/conformance/dist/index.js');
  // Its exit code says that something failed; what, and whether it may, the results say.
  await run(node, [program, 'server', '--url', `http://localhost:${port}/mcp`, ...options, '-o', out], { maxBuffer: 2 ** 26 }).catch(
    (error: { stderr?: string; code?: unknown }) => {
      if (error.code !== 1) throw error;
    },
  );
  const scenarioOf = (name: string) => name.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT.*$/, '');
  return new Map(
    readdirSync(out).map((name) => [scenarioOf(name), JSON.parse(readFileSync(join(out, name, 'checks.json'), 'utf8')) as Check[]]),
  );
}
