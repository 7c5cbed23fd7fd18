import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(__dirname, '../..');
const COPIED = [
  ...['apps', 'libs', 'prisma', 'scripts', 'test/lib', 'test/security'],
  ...['package.json', 'prisma.config.ts', 'tsconfig.json', '.dependency-cruiser.cjs', '.prettierrc.json'],
];
let house: string;

function run(program: string, ...args: string[]): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { cwd: house, encoding: 'utf8', maxBuffer: 2 ** 26 });
  return { status, said: `${stdout}${stderr}` };
}
const tool = (path: string) => join(root, 'node_modules', path);

beforeAll(() => {
  house = mkdtempSync(join(tmpdir(), 'atrium-new-feature-'));
  for (const path of COPIED) cpSync(join(root, path), join(house, path), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(house, 'node_modules'));
});
afterAll(() => rmSync(house, { recursive: true, force: true }));

it('makes a feature that compiles, keeps to the boundaries and stands in every list', () => {
  expect(run('scripts/new-feature.mjs', 'shared-lists')).toMatchObject({ status: 0 });

  const include = ['libs/features/shared-lists/*.ts', 'apps/api/src/main.ts', 'test/security/controls.ts'];
  writeFileSync(join(house, 'tsconfig.check.json'), JSON.stringify({ extends: './tsconfig.json', include }));
  const { said } = run(tool('typescript/bin/tsc'), '--noEmit', '-p', 'tsconfig.check.json');
  // Errors that were there before are the type check's to tell.
  expect(said.split('\n').filter((line) => /shared-?list|app\.module|security\/controls|TS[56]\d{3}/i.test(line))).toEqual([]);
  const cruise = tool('dependency-cruiser/bin/dependency-cruise.mjs');
  expect(run(cruise, 'apps/api', 'libs/features', '--config', '.dependency-cruiser.cjs')).toMatchObject({ status: 0 });
  expect(readFileSync(join(house, 'libs/platform/db/tables.ts'), 'utf8')).toContain("'shared_lists'");
  expect(readFileSync(join(house, 'test/security/controls.ts'), 'utf8')).toContain("'sharedLists.create'");
}, 180_000);

it('refuses a name that is taken or no name', () => {
  expect(run('scripts/new-feature.mjs', 'chat').said).toContain('exists already');
  expect(run('scripts/new-feature.mjs', '../up')).toMatchObject({ status: 2 });
});
