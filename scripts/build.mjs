// Builds dist/ from apps/, libs/ and prisma/. With --when-needed only when a source is newer than the last build.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const STAMP = 'dist/.built';

/** The newest change below a folder, in milliseconds. */
function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

const sources = ['apps', 'libs', 'prisma', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'nest-cli.json'];
const current = existsSync(STAMP) && statSync(STAMP).mtimeMs > Math.max(...sources.filter(existsSync).map(newest));
if (current && process.argv.includes('--when-needed')) process.exit(0);

if (!existsSync('node_modules/@nestjs/cli')) {
  process.stderr.write('The packages are not installed. Run "npm ci" first.\n');
  process.exit(1);
}
process.stderr.write('Building …\n');
for (const [command, ...args] of [
  [process.execPath, 'scripts/prisma-generate.mjs'],
  [process.execPath, 'node_modules/@nestjs/cli/bin/nest.js', 'build', 'api'],
  [process.execPath, 'scripts/bundle.mjs'],
]) {
  const { status } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) {
    process.stderr.write('The build failed. Run "npx tsc --noEmit" to see why.\n');
    process.exit(status ?? 1);
  }
}
mkdirSync('dist', { recursive: true });
writeFileSync(STAMP, '');
