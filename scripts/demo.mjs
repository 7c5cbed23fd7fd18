// npm run demo: builds when needed, then plays the main job on a server of its own. --keep leaves it up.
import { spawnSync } from 'node:child_process';

const build = spawnSync(process.execPath, ['scripts/build.mjs', '--when-needed'], { stdio: 'inherit' });
if (build.status !== 0) process.exit(build.status ?? 1);
const { status } = spawnSync(process.execPath, ['--enable-source-maps', 'dist/apps/demo/src/main.js', ...process.argv.slice(2)], {
  stdio: 'inherit',
});
process.exit(status ?? 1);
