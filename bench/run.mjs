// npm run bench -- <row> [options]: one row of docs/performance.md, with its floor and peers in the same run.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';

const [row = '', ...options] = process.argv.slice(2);
const file = `bench/${row}.mjs`;
if (!/^[a-z]\d?$/.test(row) || !existsSync(file)) {
  const rows = readdirSync('bench').flatMap((name) => /^([a-z]\d?)\.mjs$/.exec(name)?.[1] ?? []);
  process.stderr.write(`npm run bench -- <row>, where <row> is one of: ${rows.join(', ')}\n`);
  process.exit(2);
}
if (spawnSync(process.execPath, ['scripts/build.mjs', '--when-needed'], { stdio: 'inherit' }).status !== 0) process.exit(1);
process.exit(spawnSync(process.execPath, [file, ...options], { stdio: 'inherit' }).status ?? 1);
