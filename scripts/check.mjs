// npm run check: format, lint, types, boundaries, dead code, generated files, drift. Runs all, then says what failed.
import { spawnSync } from 'node:child_process';

const CHECKS = {
  format: ['prettier', '--check', '--log-level', 'warn', '.'],
  lint: ['oxlint', '--type-aware', '--quiet'],
  types: ['tsc', '--noEmit', '-p', 'tsconfig.json'],
  boundaries: ['depcruise', 'apps', 'libs', '--config', '.dependency-cruiser.cjs'],
  'dead code': ['knip'],
  'generated files': ['node', 'scripts/gen.mjs', '--check'],
  drift: ['node', 'scripts/check-drift.mjs'],
};

const failed = [];
for (const [name, [command, ...args]] of Object.entries(CHECKS)) {
  const startedAt = performance.now();
  const program = command === 'node' ? process.execPath : `node_modules/.bin/${command}`;
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
  process.stdout.write(`${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${((performance.now() - startedAt) / 1_000).toFixed(1)} s)\n`);
  if (status === 0) continue;
  failed.push(name);
  process.stdout.write(`${stdout}${stderr}\n`);
}
if (failed.length > 0) {
  process.stdout.write(`\nnpm run check failed: ${failed.join(', ')}\n`);
  process.exit(1);
}
