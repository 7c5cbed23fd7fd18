import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'atrium-scripts-'))));
afterAll(() => rmSync(folder, { recursive: true }));

it('take settings from .env, after the environment', () => {
  writeFileSync(join(folder, '.env'), '# a setting\nPORT=4000\nHOST=0.0.0.0\n');
  const program = `import(${JSON.stringify(resolve('scripts/env-file.mjs'))}).then(() => console.log(process.env.PORT, process.env.HOST))`;

  const said = execFileSync(process.execPath, ['-e', program], { cwd: folder, env: { PORT: '5000' }, encoding: 'utf8' });

  expect(said.trim()).toBe('5000 0.0.0.0');
});

it('name npm ci where the packages are missing', () => {
  const { status, stderr } = spawnSync(process.execPath, [resolve('scripts/build.mjs')], { cwd: folder, encoding: 'utf8' });

  expect([status, stderr]).toEqual([1, 'The packages are not installed. Run "npm ci" first.\n']);
});
