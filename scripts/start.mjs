// npm start: builds when needed, then serves until it is stopped.
import { spawn, spawnSync } from 'node:child_process';

const build = spawnSync(process.execPath, ['scripts/build.mjs', '--when-needed'], { stdio: 'inherit' });
if (build.status !== 0) process.exit(build.status ?? 1);
const entry = process.argv.includes('--demo') ? 'dist/apps/demo/src/start.js' : 'dist/apps/api/src/main.js';
const child = spawn(process.execPath, ['--enable-source-maps', entry], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));
